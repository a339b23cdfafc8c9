/** `gora generate`: text from a model, with or without an adapter. */
import { readFileSync } from 'node:fs';
import { UserError } from '../errors';
import { generateText } from '../experiments/use-adapter';
import { dataFolder } from '../project';
import { type CommandHelp, parseWithHelp } from './help';

const options = {
  model: { type: 'string' },
  adapter: { type: 'string' },
  prompt: { type: 'string' },
  'max-new-tokens': { type: 'string' },
  chat: { type: 'boolean' },
  'data-dir': { type: 'string' },
  json: { type: 'boolean' },
} as const;

const help: CommandHelp<typeof options> = {
  usage: '--model NAME [--adapter DIR] --prompt TEXT [options]',
  about: 'Writes on after the prompt, the likeliest token each time.',
  options: {
    model: ['NAME', 'a folder, a .gguf, hf:owner/name, or a name that `gora models` shows'],
    adapter: ['DIR', 'the PEFT folder'],
    prompt: ['TEXT', 'what comes before; - reads standard input'],
    'max-new-tokens': ['N', 'most tokens to write; default 64'],
    chat: ['', "the prompt is what a user says: it goes into the model's chat template"],
    'data-dir': ['DIR', 'folder of data sets and models (default: GORA_DATA, else data/cache)'],
    json: ['', 'for programs: one JSON text on standard output'],
  },
  examples: ['generate --model smollm2 --chat --prompt "What is gravity?" --max-new-tokens 40'],
};

export async function generateCommand(args: string[]): Promise<number> {
  const { values } = parseWithHelp('generate', args, options, help);
  const { model, adapter, prompt, chat } = values;
  if (!model) throw new UserError('generate needs --model NAME');
  if (prompt === undefined) throw new UserError('generate needs --prompt TEXT (or --prompt - for standard input)');
  const text = values['max-new-tokens'] ?? '64';
  const maxNewTokens = Number(text);
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new UserError(`--max-new-tokens takes an integer above 0, not "${text}"`);
  }
  const given = prompt === '-' ? readFileSync(0, 'utf8') : prompt;
  const request = { model, adapter, prompt: given, maxNewTokens, chat };
  const written = await generateText(request, dataFolder(values['data-dir']));
  if (values.json) {
    process.stdout.write(`${JSON.stringify(written)}\n`);
    return 0;
  }
  process.stdout.write(`${chat ? '' : given}${written.text}\n`);
  process.stderr.write(
    `${written.tokens} tokens after ${written.promptTokens}; ${written.ended === 'length' ? 'cut at the length' : 'the model ended it'}\n`,
  );
  return 0;
}
