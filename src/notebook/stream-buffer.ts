/** Gathers printed text into fewer pieces: a cell that prints a line 100,000 times must not send as many messages. */

const maxLength = 16384;
const windowMs = 20;

/**
 * Sends text as it comes, up to `burst` pieces in 20 ms; what exceeds that is joined and sent when the time is over, the
 * stream changes, or 16 Ki characters are in.
 */
export class StreamBuffer {
  private name: 'stdout' | 'stderr' = 'stdout';
  private pieces: string[] = [];
  private length = 0;
  private timer: NodeJS.Timeout | null = null;
  private windowStart = 0;
  private sent = 0;

  constructor(
    private readonly send: (name: 'stdout' | 'stderr', text: string) => void,
    private readonly burst: number,
  ) {}

  add(name: 'stdout' | 'stderr', text: string): void {
    if (text === '') return;
    if (name !== this.name) this.flush();
    this.name = name;
    this.pieces.push(text);
    this.length += text.length;
    // The clock is read here, as no timer fires while a cell computes.
    const now = Date.now();
    if (now - this.windowStart >= windowMs) {
      this.windowStart = now;
      this.sent = 0;
    }
    if (this.sent < this.burst || this.length >= maxLength) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), windowMs).unref();
  }

  /** Sends what is gathered; call it before anything that must come after the text. */
  flush(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.length === 0) return;
    const text = this.pieces.join('');
    this.pieces = [];
    this.length = 0;
    this.sent++;
    this.send(this.name, text);
  }
}
