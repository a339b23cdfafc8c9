/** Folds the events of running cells into the outputs a notebook file keeps, as a Jupyter front end would. */
import type { CellEvent } from './events';
import { joined, type Output } from './nbformat';

type Display = Extract<Output, { output_type: 'display_data' }>;

/** The outputs of one notebook's run; in-place updates reach outputs of earlier cells too. */
export class OutputFolder {
  private readonly displays = new Map<string, Display[]>();

  /** Adds one event to the outputs of the cell that runs. */
  add(outputs: Output[], event: CellEvent, execution_count: number): void {
    if (event.type === 'stream') {
      const last = outputs.at(-1);
      if (last?.output_type === 'stream' && last.name === event.name) last.text = joined(last.text) + event.text;
      else outputs.push({ output_type: 'stream', name: event.name, text: event.text });
    } else if (event.type === 'result') {
      outputs.push({ output_type: 'execute_result', data: event.data, metadata: {}, execution_count });
    } else if (event.type === 'error') {
      const { ename, evalue, traceback } = event;
      outputs.push({ output_type: 'error', ename, evalue, traceback });
    } else {
      this.display(outputs, event);
    }
  }

  private display(outputs: Output[], { content, update }: Extract<CellEvent, { type: 'display' }>): void {
    const { data, metadata, transient } = content;
    const id = transient?.display_id;
    const shown = (id !== undefined && this.displays.get(id)) || [];
    if (update) {
      for (const output of shown) Object.assign(output, { data, metadata });
      return;
    }
    const output: Display = { output_type: 'display_data', data, metadata };
    outputs.push(output);
    if (id !== undefined) this.displays.set(id, [...shown, output]);
  }
}

/** What a line looks like after its carriage returns: the last rewriting of it. */
export function withoutRewrites(outputs: readonly Output[]): Output[] {
  return outputs.map((output) =>
    output.output_type === 'stream' ? { ...output, text: joined(output.text).replace(/[^\n]*\r(?!\n)/g, '') } : output,
  );
}
