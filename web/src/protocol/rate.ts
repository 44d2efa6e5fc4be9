/** The recent speed of data that arrives in bursts, in bytes per second. */
export class RateMeter {
  readonly #samples: { at: number; bytes: number }[] = [];
  #sum = 0;

  /**
   * @param window the period that counts as recent, in milliseconds
   * @param now a clock in milliseconds
   */
  constructor(
    readonly window = 3000,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** Records bytes that have just arrived. */
  add(bytes: number): void {
    this.#samples.push({ at: this.now(), bytes });
    this.#sum += bytes;
  }

  /** Bytes per second; 0 without enough data. */
  perSecond(): number {
    const now = this.now();
    while (this.#samples.length > 1 && this.#samples[0]!.at < now - this.window)
      this.#sum -= this.#samples.shift()!.bytes;
    const first = this.#samples[0];
    // The first sample's bytes arrived before it, in an unknown time.
    if (!first || now <= first.at) return 0;
    return ((this.#sum - first.bytes) * 1000) / (now - first.at);
  }
}
