/** The distance from the end, in pixels, at which a box still counts as scrolled to its end. */
const NEAR = 48;

/**
 * Keeps a scrollable box at its end while its content grows and while its size changes (a phone's keyboard, rotation,
 * zoom), until the person scrolls away or unfolds something.
 */
export class EndFollower {
  #following = false;
  /** The last known layout. */
  #last = { scrollTop: 0, scrollHeight: 0, clientHeight: 0, clientWidth: 0 };

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
    // What the person unfolds stays where it is, although it moves the end.
    box.addEventListener('click', ({ target }) => {
      if (target instanceof Element && target.closest('summary')) this.#set(false);
    });
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
    if (this.#isUpwards()) this.#set(false);
    else if (this.#below < NEAR) this.#set(true);
    this.#settle();
  }

  /**
   * Whether the person has scrolled up. The browser also scrolls, to keep a line in place in a new layout, but not
   * upwards where content is only added.
   */
  #isUpwards(): boolean {
    const { box } = this;
    const { scrollTop, scrollHeight, clientHeight, clientWidth } = this.#last;
    const isSameBox = box.clientHeight === clientHeight && box.clientWidth === clientWidth;
    return isSameBox && box.scrollHeight >= scrollHeight && box.scrollTop < scrollTop;
  }

  /** How much content is below the visible part, in pixels. */
  get #below(): number {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    return scrollHeight - scrollTop - clientHeight;
  }

  #settle(): void {
    const { box } = this;
    // What was unfolded fits, or is folded again.
    if (this.#below <= 1) this.#set(true);
    if (this.#following) box.scrollTop = box.scrollHeight;
    const { scrollTop, scrollHeight, clientHeight, clientWidth } = box;
    this.#last = { scrollTop, scrollHeight, clientHeight, clientWidth };
  }
}
