/** Folds the events of running cells into the outputs a notebook file keeps, as a Jupyter front end would. */
import type { CellEvent } from './events';
import type { Output } from './nbformat';
import { TerminalText } from './terminal';

type Display = Extract<Output, { output_type: 'display_data' }>;
type Stream = Extract<Output, { output_type: 'stream' }>;

/** The outputs of one notebook's run; in-place updates reach outputs of earlier cells too. */
export class OutputFolder {
  private readonly displays = new Map<string, Display[]>();
  private readonly printed = new Map<Stream, TerminalText>();

  /** Adds one event to the outputs of the cell that runs; printed text is in them after `settle`. */
  add(outputs: Output[], event: CellEvent, execution_count: number): void {
    if (event.type === 'stream') {
      const last = outputs.at(-1);
      const same = last?.output_type === 'stream' && last.name === event.name ? this.printed.get(last) : undefined;
      const text = same ?? this.newStream(outputs, event.name);
      text.write(event.text);
    } else if (event.type === 'result') {
      outputs.push({ output_type: 'execute_result', data: event.data, metadata: {}, execution_count });
    } else if (event.type === 'error') {
      const { ename, evalue, traceback } = event;
      outputs.push({ output_type: 'error', ename, evalue, traceback });
    } else {
      this.display(outputs, event);
    }
  }

  /** Writes what was printed into the outputs, as a terminal would show it. */
  settle(): void {
    for (const [output, text] of this.printed) output.text = text.toString();
  }

  private newStream(outputs: Output[], name: Stream['name']): TerminalText {
    const output: Stream = { output_type: 'stream', name, text: '' };
    const text = new TerminalText();
    outputs.push(output);
    this.printed.set(output, text);
    return text;
  }

  private display(outputs: Output[], { content, update }: Extract<CellEvent, { type: 'display' }>): void {
    const { data, metadata, transient } = content;
    const id = transient?.display_id;
    const shown = id === undefined ? undefined : this.displays.get(id);
    if (update) {
      for (const output of shown ?? []) Object.assign(output, { data, metadata });
      return;
    }
    const output: Display = { output_type: 'display_data', data, metadata };
    outputs.push(output);
    if (shown) shown.push(output);
    else if (id !== undefined) this.displays.set(id, [output]);
  }
}
