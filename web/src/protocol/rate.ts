/** Recent speed of something that comes in bursts: bytes per second over the last few seconds. */
export class RateMeter {
  readonly #samples: { at: number; bytes: number }[] = [];
  #sum = 0;

  /**
   * @param window milliseconds that count as recent
   * @param now a clock in milliseconds
   */
  constructor(
    readonly window = 3000,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** Notes that so many bytes have just come. */
  add(bytes: number): void {
    this.#samples.push({ at: this.now(), bytes });
    this.#sum += bytes;
  }

  /** Bytes per second; 0 before there is anything to tell from. */
  perSecond(): number {
    const now = this.now();
    while (this.#samples.length > 1 && this.#samples[0]!.at < now - this.window) this.#sum -= this.#samples.shift()!.bytes;
    const first = this.#samples[0];
    // The first sample's bytes came in the time before it: they have no duration yet.
    if (!first || now <= first.at) return 0;
    return ((this.#sum - first.bytes) * 1000) / (now - first.at);
  }
}
