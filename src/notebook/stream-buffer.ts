/** Gathers printed text into few pieces: a cell that prints a line 100,000 times must not send as many messages. */

const maxLength = 16384;
const delayMs = 20;

/** Joins consecutive pieces of one stream; sends when the stream changes, 16 Ki characters are in, or 20 ms passed. */
export class StreamBuffer {
  private name: 'stdout' | 'stderr' = 'stdout';
  private pieces: string[] = [];
  private length = 0;
  private timer: NodeJS.Timeout | null = null;
  private since = 0;

  constructor(private readonly send: (name: 'stdout' | 'stderr', text: string) => void) {}

  add(name: 'stdout' | 'stderr', text: string): void {
    if (text === '') return;
    if (name !== this.name) this.flush();
    if (this.length === 0) this.since = Date.now();
    this.name = name;
    this.pieces.push(text);
    this.length += text.length;
    // The clock is read here too, as no timer fires while a cell computes.
    if (this.length >= maxLength || Date.now() - this.since >= delayMs) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), delayMs).unref();
  }

  /** Sends what is gathered; call it before anything that must come after the text. */
  flush(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    if (this.length === 0) return;
    const text = this.pieces.join('');
    this.pieces = [];
    this.length = 0;
    this.send(this.name, text);
  }
}
