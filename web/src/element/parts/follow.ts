/** The distance from the end, in pixels, at which a box still counts as scrolled to its end. */
const NEAR = 48;

/**
 * Keeps a scrollable box at its end while its content grows and while its size changes (a phone's keyboard, rotation,
 * zoom), until the person scrolls away.
 */
export class EndFollower {
  #following = false;
  /** The last known heights of the content and of the box. */
  #heights = '';

  /**
   * @param contents the parts of the box whose sizes change
   * @param onChange called with whether the end is followed, at once and at each change
   */
  constructor(
    private readonly box: HTMLElement,
    contents: readonly Element[],
    private readonly onChange: (following: boolean) => void = () => {},
  ) {
    this.#set(true);
    box.addEventListener('scroll', () => this.#scrolled());
    // At this point of a frame the layout is done, so reading it causes no extra layout.
    const sizes = new ResizeObserver(() => this.#settle());
    for (const node of [box, ...contents]) sizes.observe(node);
  }

  /** Scrolls to the end and stays there. */
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
    // The browser also scrolls, to keep a line in place in a new layout. Only scrolling within the same layout is the
    // person's.
    else if (this.#heights === `${scrollHeight} ${clientHeight}`) this.#set(false);
    this.#settle();
  }

  #settle(): void {
    const { box } = this;
    if (this.#following) box.scrollTop = box.scrollHeight;
    this.#heights = `${box.scrollHeight} ${box.clientHeight}`;
  }
}
