/** A short run of `npm run fuzz`: damaged files are read as they are or refused, and a careless reader is caught. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { parseSafetensors } from '../../src/formats/safetensors';
import { serializeSafetensors } from '../../src/formats/safetensors-write';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { fixturePath } from '../support/data';
import { checkSafetensors, type FuzzSubject, fuzz, fuzzSubjects, type SafetensorsReader } from '../support/fuzz';
import { damageSafetensors } from '../support/mutate';
import { tempDir } from '../support/temp';

before(() => startBackend());

test('thousands of damaged adapters, weights and tokenizers: equal tensors or an error for people', (t) => {
  const report = fuzz(fuzzSubjects(tempDir(t), fixturePath()), { seed: 2, count: 4000, most: 20_000 });
  assert.deepEqual(
    report.faults.map(({ number, subject, why }) => `case ${number}, ${subject}: ${why}`),
    [],
  );
  for (const [name, { read, refused }] of Object.entries(report.outcomes)) {
    assert.ok(read > 0 && refused > 0, `${name}: ${read} read, ${refused} refused`);
  }
  assert.equal(report.leaked, 0);
  assert.ok(report.growth < 1024, `memory grew by ${report.growth} MiB`);
});

test('the same seed and number make the same case', (t) => {
  const subjects = fuzzSubjects(tempDir(t), fixturePath());
  const once = () => fuzz(subjects, { seed: 5, count: 60 }).outcomes;
  assert.deepEqual(once(), once());
});

/** A subject that reads with a reader of the test. */
function subjectOf(read: SafetensorsReader): FuzzSubject {
  const values = new Random(1).normals(12);
  const bytes = serializeSafetensors(
    new Map([
      ['a', { shape: [3, 4], data: values }],
      ['b', { shape: [2], data: values.slice(0, 2) }],
    ]),
  );
  return { name: 'test', share: 1, attempt: (random) => checkSafetensors(damageSafetensors(bytes, random), read) };
}

test('a reader that swaps values, forgets a tensor, trusts a length or throws anything is caught', () => {
  const faults = (read: SafetensorsReader) =>
    fuzz([subjectOf(read)], { seed: 1, count: 400 }).faults.map(({ why }) => why);
  assert.deepEqual(faults(parseSafetensors), []);
  const changed =
    (edit: (file: ReturnType<SafetensorsReader>) => void): SafetensorsReader =>
    (bytes, source) => {
      const file = parseSafetensors(Uint8Array.from(bytes), source);
      edit(file);
      return file;
    };
  assert.match(faults(changed(({ tensors }) => tensors.delete('a')))[0], /tensors read, the header has/);
  assert.match(
    faults(
      changed(({ tensors }) => {
        for (const { data } of tensors.values()) if (data.length > 0) data[0] ^= 1;
      }),
    )[0],
    /has other bytes than the file/,
  );
  const careless: SafetensorsReader = (bytes) => {
    const view = Buffer.from(bytes);
    JSON.parse(view.toString('utf8', 8, 8 + Number(view.readBigUInt64LE(0))));
    return { metadata: {}, tensors: new Map() };
  };
  assert.match(faults(careless)[0], /Error: |tensors read/);
});
