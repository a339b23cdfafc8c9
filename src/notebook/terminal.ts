/**
 * What a terminal shows of printed text whose carriage returns and backspaces go back to write over what stands there.
 *
 * Known: `\r`, `\b`, erasing in a line (ESC [ K) and colours (ESC [ … m), which stay with the characters they were
 * printed for. Any other escape sequence stays where it stands. A character takes one place, a wide one too; a
 * combining mark none. Linear in the length of the text.
 */

/** A control sequence at this place: ESC [ parameters letter. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with the control character ESC
const sequence = /\x1b\[([0-9;?]*)([A-Za-z])/y;

/** A sequence whose end has not come yet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with the control character ESC
const unfinished = /^\x1b(?:\[[0-9;?]*)?$/;

/** Takes no place of its own: it belongs to the character before. */
const joining = /^(?:\p{M}|\u200d|\ufe0f)$/u;

/** Sequences that may be in force at once; of more the last ones count. */
const mostStyles = 8;

const reset = '\x1b[0m';

/** A line in which something goes back: its places, each with the colour it was written in. */
class Line {
  private readonly chars: string[] = [];
  private readonly styles: string[] = [];
  private at = 0;
  private inForce: string[] = [];
  private style = '';
  private waiting = '';

  write(piece: string): void {
    const text = this.waiting + piece;
    this.waiting = '';
    for (let i = 0; i < text.length; ) {
      const char = String.fromCodePoint(text.codePointAt(i)!);
      sequence.lastIndex = i;
      const found = char === '\x1b' ? sequence.exec(text) : null;
      if (char === '\x1b' && !found && unfinished.test(text.slice(i, i + 64))) {
        this.waiting = text.slice(i);
        return;
      }
      i += found ? found[0].length : char.length;
      if (found) this.control(found[0], found[1]!, found[2]!);
      else if (char === '\r') this.at = 0;
      else if (char === '\b') this.at = Math.max(0, this.at - 1);
      else if (joining.test(char) && this.chars[this.at - 1] !== undefined) this.chars[this.at - 1] += char;
      else this.put(char);
    }
  }

  private put(char: string): void {
    while (this.chars.length < this.at) {
      this.chars.push(' ');
      this.styles.push('');
    }
    this.chars[this.at] = char;
    this.styles[this.at] = this.style;
    this.at++;
  }

  private control(text: string, parameters: string, letter: string): void {
    if (letter === 'K') this.erase(parameters);
    else if (letter !== 'm') this.put(text);
    else {
      const begins = /^0*(?:;|$)/.test(parameters); // with a reset
      const only = /^0*$/.test(parameters);
      const before = begins ? [] : this.inForce.filter((one) => one !== text);
      this.inForce = only ? [] : [...before, text].slice(-mostStyles);
      this.style = this.inForce.join('');
    }
  }

  /** Erases to the end of the line, with 1 from its beginning, with 2 all of it. The cursor stays. */
  private erase(parameters: string): void {
    if (parameters === '1') {
      this.chars.fill(' ', 0, this.at);
      this.styles.fill('', 0, this.at);
    } else {
      this.chars.length = parameters === '2' ? 0 : Math.min(this.at, this.chars.length);
      this.styles.length = this.chars.length;
    }
  }

  toString(): string {
    const pieces: string[] = [];
    let style = '';
    const turn = (to: string) => {
      if (to !== style) pieces.push(style === '' ? '' : reset, to);
      style = to;
    };
    for (const [i, char] of this.chars.entries()) {
      turn(this.styles[i]!);
      pieces.push(char);
    }
    turn(this.style);
    return pieces.join('') + this.waiting;
  }
}

const goesBack = /[\r\b]/;

/** Printed text as it comes, and what stands there. */
export class TerminalText {
  private readonly finished: string[] = [];
  /** The last line: text, or, once something in it goes back, places. */
  private pieces: string[] = [];
  private line: Line | null = null;

  write(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      this.writeInLine(text.slice(from, end));
      this.finished.push(this.lastLine(), '\n');
      this.pieces = [];
      this.line = null;
      from = end + 1;
    }
    this.writeInLine(text.slice(from));
  }

  toString(): string {
    return this.finished.join('') + this.lastLine();
  }

  private writeInLine(text: string): void {
    if (text === '') return;
    if (this.line === null && goesBack.test(text)) {
      this.line = new Line();
      for (const piece of this.pieces) this.line.write(piece);
      this.pieces = [];
    }
    if (this.line) this.line.write(text);
    else this.pieces.push(text);
  }

  private lastLine(): string {
    return this.line ? this.line.toString() : this.pieces.join('');
  }
}
