/** How far from its end, in pixels, a box may be for its end to be in sight. */
const NEAR = 48;

/**
 * Keeps the end of a box that scrolls in sight while its content grows and while the box changes its size (a phone's keyboard, a
 * rotation, zoom), until the person scrolls away from it.
 */
export class EndFollower {
  #following = false;
  /** The heights of the content and of the box when they were last looked at. */
  #heights = '';

  /**
   * @param contents the parts of the box whose sizes change
   * @param onChange hears whether the end is followed, at once and each time that this changes
   */
  constructor(
    private readonly box: HTMLElement,
    contents: readonly Element[],
    private readonly onChange: (following: boolean) => void = () => {},
  ) {
    this.#set(true);
    box.addEventListener('scroll', () => this.#scrolled());
    // At this point of a frame the layout is done, so that nobody waits for it.
    const sizes = new ResizeObserver(() => this.#settle());
    for (const node of [box, ...contents]) sizes.observe(node);
  }

  /** Goes to the end, and stays there. */
  follow(): void {
    this.#set(true);
    this.#settle();
  }

  #set(following: boolean): void {
    if (following === this.#following) return;
    this.#following = following;
    this.onChange(following);
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.#set(true);
    // A browser scrolls, too, to keep a line in its place in a new layout. Only what moves in the same one is the person's doing.
    else if (this.#heights === `${scrollHeight} ${clientHeight}`) this.#set(false);
    this.#settle();
  }

  #settle(): void {
    const { box } = this;
    if (this.#following) box.scrollTop = box.scrollHeight;
    this.#heights = `${box.scrollHeight} ${box.clientHeight}`;
  }
}
