/** Names on the hub: what they parse to, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors';
import { formatHubName, parseHubName } from '../../src/hub';

const commit = '1110a243fdf4706b3f48f1d95db1a4f5529b4d41';

test('names of models, files and data sets are taken apart and put together again', () => {
  const cases = {
    'hf:google-t5/t5-base': { kind: 'model', repo: 'google-t5/t5-base', revision: 'main' },
    [`hf:a/b.c_d@${commit}`]: { kind: 'model', repo: 'a/b.c_d', revision: commit },
    'hf:a/b@refs/pr/12': { kind: 'model', repo: 'a/b', revision: 'refs/pr/12' },
    'hf:a/b/sub/x.Q4_1.gguf@v1.0': { kind: 'model', repo: 'a/b', file: 'sub/x.Q4_1.gguf', revision: 'v1.0' },
    'hf:datasets/nyu-mll/glue:mrpc': { kind: 'dataset', repo: 'nyu-mll/glue', config: 'mrpc', revision: 'main' },
    'hf:datasets/a/b@refs/convert/parquet': { kind: 'dataset', repo: 'a/b', revision: 'refs/convert/parquet' },
  };
  for (const [text, name] of Object.entries(cases)) {
    assert.deepEqual(parseHubName(text), name);
    assert.equal(formatHubName(parseHubName(text)), text);
  }
  assert.equal(formatHubName(parseHubName('hf:a/b@main')), 'hf:a/b');
});

test('nonsense and what would leave its folder is refused with the shapes there are', () => {
  const cases: [string, RegExp][] = [
    ['a/b', /does not begin with hf:/],
    ['hf:', /no owner/],
    ['hf:gpt2', /no owner; names are owner\/name, like openai-community\/gpt2/],
    ['hf:datasets/glue', /no owner.*nyu-mll\/glue/],
    ['hf:a/', /no owner/],
    ['hf:../b', /"\.\." has other characters/],
    ['hf:a/..', /"\.\." has other/],
    ['hf:a/b..c', /has other/],
    ['hf:a/b--c', /has other/],
    ['hf:-a/b', /has other/],
    ['hf:a/b.git', /end with \.git/],
    ['hf:a\\b/c', /has other/],
    ['hf:a/b c', /has other/],
    ['hf:a/b\n', /has other/],
    [`hf:a/${'x'.repeat(97)}`, /has other/],
    ['hf:a/b@', /no revision/],
    ['hf:a/b@../../x', /no revision/],
    ['hf:a/b@x/../y', /no revision/],
    ['hf:a/b@/x', /no revision/],
    ['hf:a/b@x//y', /no revision/],
    ['hf:a/b@x y', /no revision/],
    ['hf:a/b:mrpc', /only data sets/],
    ['hf:a/b/model.safetensors', /only when it is a \.gguf/],
    ['hf:a/b/../../x.gguf', /no file name/],
    ['hf:a/b//x.gguf', /no file name/],
    ['hf:datasets/a/b/c', /configuration follows a colon/],
    ['hf:datasets/a/b:', /no configuration/],
    ['hf:datasets/a/b:../c', /no configuration/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseHubName(text),
      (error: Error) =>
        error instanceof UserError && message.test(error.message) && /hf:owner\/name/.test(error.message),
      text,
    );
  }
});
