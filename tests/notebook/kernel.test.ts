/** The kernel under a real Jupyter client: the four faults of tslab mended, seen from outside. */
import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { test } from 'node:test';
import { findJupyter } from '../../src/notebook/jupyter';
import { writeKernelspec } from '../../src/notebook/kernelspec';
import { projectRoot } from '../../src/project';
import { projectTempDir } from './support';

/** A Python that has Jupyter's client: `GORA_PYTHON`, the one beside a Jupyter that is found, or the first on the PATH. */
function jupyterPython(): string | null {
  const jupyter = findJupyter();
  const beside = jupyter && path.join(path.dirname(jupyter), 'python3');
  const own = path.join(projectRoot(), '.venv', 'bin', 'python3');
  for (const python of [process.env.GORA_PYTHON, own, beside, 'python3']) {
    if (python && spawnSync(python, ['-c', 'import jupyter_client']).status === 0) return python;
  }
  return null;
}

// Runs the cells given as JSON, each as [code, seconds until an interrupt or null]; prints [reply, messages] for each.
const client = `
import json, sys, time
from jupyter_client.manager import start_new_kernel
cells, queued = json.loads(sys.argv[1]), json.loads(sys.argv[2])
manager, client = start_new_kernel(kernel_name='gora', startup_timeout=90)
def collect(id):
    messages = []
    while True:
        m = client.get_iopub_msg(timeout=60)
        if m['parent_header'].get('msg_id') != id: continue
        messages.append([m['msg_type'], m['content']])
        if m['msg_type'] == 'status' and m['content']['execution_state'] == 'idle': return messages
def reply(id):
    while True:
        m = client.get_shell_msg(timeout=60)
        if m['parent_header'].get('msg_id') == id: return m['content']
out = []
for code, interrupt in cells:
    id = client.execute(code)
    if interrupt is not None:
        time.sleep(interrupt)
        manager.interrupt_kernel()
    out.append([reply(id), collect(id)])
ids = [client.execute(code) for code in queued]
statuses = [reply(id)['status'] for id in ids]
client.kernel_info()
client.shutdown()
for _ in range(100):
    if not manager.is_alive(): break
    time.sleep(0.1)
print(json.dumps({'cells': out, 'queued': statuses, 'ended': not manager.is_alive()}))
`;

type Content = Record<string, unknown>;
type Message = [type: string, content: Content];

test('a real Jupyter client sees counts, inputs, results, errors, all output and the idle status', (t) => {
  const python = jupyterPython();
  if (python === null) return t.skip('no Jupyter client found: npm run setup, or set GORA_PYTHON');
  const folder = projectTempDir(t);
  const cells: [string, number | null][] = [
    ['const a = 1, b = 2;', null],
    ['const pair = { a, b };\npair', null],
    ['for (let i = 0; i < 2000; i++) console.log("line " + i);', null],
    [
      'import { display, newDisplay } from "tslab";\nfor (let i = 0; i < 1500; i++) display.text("d" + i);\n' +
        'const d = newDisplay(); d.text("old"); d.text("new");',
      null,
    ],
    ['function deep() { throw new RangeError("too far"); }\ndeep();', null],
    ['const s: string = a;', null],
    ['console.log("spinning"); while (true) {}', 2],
    ['await new Promise(() => {});', 1],
    ['a + b', null],
  ];
  const queued = ['1', 'throw new Error("stop")', '2', '3'];
  const ran = spawnSync(python, ['-c', client, JSON.stringify(cells), JSON.stringify(queued)], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, JUPYTER_PATH: writeKernelspec(folder) },
    maxBuffer: 64 * 2 ** 20,
    timeout: 240_000,
  });
  assert.equal(ran.status, 0, ran.stderr);
  const result = JSON.parse(ran.stdout) as { cells: [Content, Message[]][]; queued: string[]; ended: boolean };
  const types = (index: number) => result.cells[index]![1].map(([type]) => type);
  const contents = (index: number, type: string) =>
    result.cells[index]![1].filter((message) => message[0] === type).map((message) => message[1]);

  for (const [index, [code]] of cells.entries()) {
    const [reply, messages] = result.cells[index]!;
    assert.equal(reply.execution_count, index + 1);
    assert.deepEqual(messages[0], ['status', { execution_state: 'busy' }]);
    assert.deepEqual(messages[1], ['execute_input', { code, execution_count: index + 1 }]);
    assert.deepEqual(messages.at(-1), ['status', { execution_state: 'idle' }]);
  }
  assert.deepEqual(types(0), ['status', 'execute_input', 'status']);
  assert.deepEqual(contents(1, 'execute_result'), [
    { data: { 'text/plain': '{ a: 1, b: 2 }' }, metadata: {}, execution_count: 2 },
  ]);
  const text = contents(2, 'stream').map((content) => content.text);
  assert.equal(text.join(''), Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join(''));
  assert.deepEqual(
    contents(3, 'display_data').map((content) => (content.data as Content)['text/plain']),
    [...Array.from({ length: 1500 }, (_, i) => `d${i}`), 'old'],
    'more sends in one tick than tslab itself survives',
  );
  assert.equal(contents(3, 'update_display_data').length, 1);
  const errors: [index: number, ename: string, evalue: RegExp][] = [
    [4, 'RangeError', /^too far$/],
    [5, 'TypeScriptError', /^1:7 - TS2322: Type 'number' is not assignable to type 'string'/],
    [6, 'Interrupted', /interrupt/i],
    [7, 'Interrupted', /interrupt/i],
  ];
  for (const [index, ename, evalue] of errors) {
    const [published] = contents(index, 'error');
    const [reply] = result.cells[index]!;
    assert.equal(published?.ename, ename);
    assert.match(String(published?.evalue), evalue);
    assert.deepEqual(reply, { status: 'error', execution_count: index + 1, ...published });
  }
  assert.deepEqual(contents(8, 'execute_result').length, 1, 'the kernel goes on after an interrupt');
  assert.deepEqual(result.queued, ['ok', 'error', 'aborted', 'aborted']);
  assert.equal(result.ended, true, 'it ends when asked to');
});
