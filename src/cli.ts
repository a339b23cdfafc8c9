/** The `gora` command: finds the sub-command, runs it, and turns errors into one line and an exit code. */
import { HelpRequest, Interrupted, messageOf, UserError } from './errors';

type Command = (args: string[]) => Promise<number>;

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

// commands are loaded when called, so that help needs no TensorFlow
const commands: Record<string, Entry> = {
  quickstart: {
    summary: 'four methods on the kit’s own task, with table and charts',
    load: async () => (await import('./commands/quickstart')).quickstartCommand,
  },
  run: {
    summary: 'one method on a task, or on your own model and data: run --model DIR --data FILE --method gora',
    load: async () => (await import('./commands/run')).runCommand,
  },
  compare: {
    summary: 'several methods on one model and data as one table: compare --methods lora,gora --model M --data FILE',
    load: async () => (await import('./commands/compare')).compareCommand,
  },
  ranks: {
    summary: 'where GoRA would put the ranks of a model on some data: ranks --model DIR --data FILE [--batches 8]',
    load: async () => (await import('./commands/ranks')).ranksCommand,
  },
  init: {
    summary: 'the initial adapter of a method as a PEFT folder, for training in Python: init --method gora … --to DIR',
    load: async () => (await import('./commands/init')).initCommand,
  },
  export: {
    summary: 'the adapter of a recorded run as a PEFT folder: export --run ID --to DIR',
    load: async () => (await import('./commands/export')).exportCommand,
  },
  merge: {
    summary: 'a base and its adapter as one Hugging Face folder: merge --model M --adapter DIR --to FOLDER',
    load: async () => (await import('./commands/merge')).mergeCommand,
  },
  inspect: {
    summary: 'what is in an adapter, a model or a file of weights, and what is odd: inspect FILE|DIR',
    load: async () => (await import('./commands/inspect')).inspectCommand,
  },
  evaluate: {
    summary: 'the score of a model with an adapter: evaluate --model M --adapter DIR --data FILE',
    load: async () => (await import('./commands/evaluate')).evaluateCommand,
  },
  generate: {
    summary: 'text from a model, with or without an adapter: generate --model M --prompt TEXT',
    load: async () => (await import('./commands/generate')).generateCommand,
  },
  diff: {
    summary: 'what differs between two adapters, models or records: diff A B',
    load: async () => (await import('./commands/diff')).diffCommand,
  },
  list: {
    summary: 'tasks, methods, models, or the options of one: list methods [NAME]',
    load: async () => (await import('./commands/list')).listCommand,
  },
  models: {
    summary: 'models that are here and that can be had: models [list], add NAME…, verify [FOLDER…]',
    load: async () => (await import('./commands/models')).modelsCommand,
  },
  reproduce: {
    summary: 'a whole comparison; resumes: reproduce NAME [--quick] [--seeds N] [--part i/n], or --list',
    load: async () => (await import('./commands/reproduce')).reproduceCommand,
  },
  table: {
    summary: 'a comparison’s tables from its records: table NAME [WHICH] [--format md] [--trace] [--out FILE]',
    load: async () => (await import('./commands/table')).tableCommand,
  },
  chart: {
    summary: 'a comparison’s charts from its records: chart NAME [WHICH] [--format png] [--out DIR]',
    load: async () => (await import('./commands/chart')).chartCommand,
  },
  results: {
    summary: 'writes results/README.md, the index of all results',
    load: async () => (await import('./commands/results')).resultsCommand,
  },
  gradients: {
    summary: 'how many batches a mean gradient needs: gradients --task T [--seeds 5] [--set key=value …]',
    load: async () => (await import('./commands/gradients')).gradientsCommand,
  },
  notebook: {
    summary: 'run a notebook without Jupyter: notebook run FILE',
    load: async () => (await import('./notebook/command')).runNotebookCommand,
  },
  start: {
    summary: 'open Jupyter on notebooks/ with the TypeScript kernel',
    load: async () => (await import('./notebook/jupyter')).startJupyter,
  },
  doctor: {
    summary: 'what runs here, how fast, and what would make it better [--json]',
    load: async () => (await import('./setup')).runDoctor,
  },
  setup: {
    summary: 'native TensorFlow and Jupyter for this project',
    load: async () => (await import('./setup')).runSetup,
  },
};

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `gora: a laboratory for low-rank adaptation\n\nUsage: npm run gora -- COMMAND [options]\n\n${lines.join('\n')}\n`;
}

/** Runs the command line and returns the exit code: 0 done, 1 a mistake to mend, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help());
    return name === undefined ? 1 : 0;
  }
  try {
    if (!Object.hasOwn(commands, name)) {
      throw new UserError(`unknown command "${name}". Commands: ${Object.keys(commands).join(', ')}`);
    }
    const command = await commands[name].load();
    return await command(rest);
  } catch (error) {
    if (error instanceof HelpRequest) {
      process.stdout.write(`gora ${name}: ${commands[name].summary}\n${error.message}\n`);
      return 0;
    }
    const plain = error instanceof UserError || !(error instanceof Error);
    process.stderr.write(`gora: ${plain ? messageOf(error) : error.stack}\n`);
    return error instanceof Interrupted ? 130 : 1;
  }
}

/** A reader that closed the pipe (`| head`) wants no more; any other failure of the output is one line and code 1. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') process.stderr.write(`gora: cannot write the output: ${error.message}\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
}

if (require.main === module) {
  process.stdout.on('error', onOutputError);
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
