/** `gora inspect`: what is in an adapter, a model or a file of weights, and what about it is odd. */
import { UserError } from '../errors';
import { type InspectedTensor, type Inspection, inspectPath } from '../formats/inspect';
import { columns } from './columns';
import { type CommandHelp, parseWithHelp } from './help';

const options = {
  values: { type: 'boolean' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

const help: CommandHelp<typeof options> = {
  usage: 'FILE|DIR [options]',
  about:
    'Lists tensors, shapes and types; of an adapter also ranks, scales and the norm of every change; then what is odd.',
  options: {
    values: ['', 'read every value of a model too (adapters are always read): finds NaN and infinity'],
    all: ['', 'list every row; default the first 40'],
    json: ['', 'for programs: one JSON text on standard output'],
  },
  examples: ['inspect my-adapter', 'inspect model.safetensors --values'],
};

const MOST_ROWS = 40;
const short = (value: number): string => String(Number(value.toPrecision(4)));

function tensorRow({ name, dtype, shape, values }: InspectedTensor): string[] {
  const range = values ? `${short(values.least)} … ${short(values.most)}` : '';
  return [name, dtype, `[${shape.join(', ')}]`, range];
}

/** What a person reads. @param most rows of the list. */
export function inspectionText({ path, kind, facts, tensors, layers, odd }: Inspection, most = MOST_ROWS): string {
  const rows =
    layers.length > 0
      ? layers.map(({ name, rank, alpha, scale, A, B, change }) => [
          name,
          rank === null ? '?' : String(rank),
          short(alpha),
          scale === null ? '?' : short(scale),
          A ? `[${A.join(', ')}]` : 'none',
          B ? `[${B.join(', ')}]` : 'none',
          change === null ? '' : short(change),
        ])
      : tensors.map(tensorRow);
  const head =
    layers.length > 0 ? ['layer', 'rank', 'α', 'scale', 'A', 'B', '‖s·B·A‖'] : ['tensor', 'type', 'shape', ''];
  const left = rows.length - most;
  return [
    `${path}: ${kind}`,
    columns(facts),
    '',
    ...(rows.length > 0 ? [columns([head, ...rows.slice(0, most)])] : []),
    ...(left > 0 ? [`  … and ${left} more: --all lists them`] : []),
    '',
    odd.length > 0 ? `odd:\n${odd.map((line) => `  ${line}`).join('\n')}` : 'nothing odd',
  ].join('\n');
}

export async function inspectCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseWithHelp('inspect', args, options, help, 1);
  const [path] = positionals;
  if (!path) throw new UserError('inspect what? A folder of an adapter or a model, a .safetensors or a .gguf');
  const found = inspectPath(path, { values: values.values });
  process.stdout.write(
    values.json
      ? `${JSON.stringify(found)}\n`
      : `${inspectionText(found, values.all ? Number.POSITIVE_INFINITY : MOST_ROWS)}\n`,
  );
  return 0;
}
