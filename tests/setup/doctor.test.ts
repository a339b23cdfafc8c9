/** The doctor, really run: what it measures and how it puts it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectRoot } from '../../src/project';
import { type DoctorReport, renderReport, runDoctor } from '../../src/setup/doctor';
import { proveGpu } from '../../src/setup/gpu';
import { runFresh } from './project';

const DOCTOR = (...flags: string[]) =>
  `require('./src/setup').runDoctor(${JSON.stringify(flags)}).then((code) => { process.exitCode = code; });`;

test('doctor --json prints one report and exits 0 where a backend runs', () => {
  const child = runFresh(projectRoot(), DOCTOR('--json'));
  assert.equal(child.status, 0, child.stderr);
  const report: DoctorReport = JSON.parse(child.stdout);
  assert.deepEqual(Object.keys(report).sort(), ['backend', 'gpuProof', 'machine', 'ok', 'parts', 'problem', 'speed']);
  assert.equal(report.ok, true);
  assert.ok(report.speed!.gflops > 0.05 && report.speed!.size >= 256);
  assert.equal(report.machine.node, process.versions.node);
  assert.deepEqual(
    report.parts.map((part) => part.name),
    ['python', 'compiler', 'chromium', 'jupyter', 'gpu'],
  );
  const text = renderReport(report);
  for (const part of report.parts) assert.ok(text.includes(part.found ?? `would add ${part.adds}`), part.name);
  if (report.parts.find((part) => part.name === 'gpu')!.found === null) assert.match(report.gpuProof, /^not run/);
});

test('doctor exits 1 and says what would mend it when the backend asked for cannot run', () => {
  const child = runFresh(projectRoot(), DOCTOR(), { GORA_BACKEND: 'abacus' });
  assert.equal(child.status, 1);
  assert.match(child.stdout, /^backend +none runs$/m);
  assert.match(child.stdout, /^note: GORA_BACKEND: unknown backend "abacus"/m);
});

test('doctor refuses unknown options', async () => {
  await assert.rejects(runDoctor(['--yaml']), { name: 'UserError', message: /--yaml.*--json/ });
});

test('a backend that claims a GPU is not believed without evidence', async () => {
  const enormous = 2 ** 40;
  assert.match(await proveGpu('GPU', enormous), /^not proven/);
  assert.match(await proveGpu('CPU', 0), /^not run/);
  assert.match(await proveGpu('GPU', null), /^not run: no NVIDIA GPU/);
});
