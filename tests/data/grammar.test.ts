/** The generated world: its words, what follows from what, gaps, and the five sets. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { before, describe, it } from 'node:test';
import { judgedSentence } from '../../src/data/grammar/agreement';
import { type Clause, sayClause, sayTransfer } from '../../src/data/grammar/clause';
import { inference, join, type Relation, verdictOf } from '../../src/data/grammar/inference';
import { article, kindOf, past, rivalsOf, synonymOf, withS } from '../../src/data/grammar/lexicon';
import { rephrased } from '../../src/data/grammar/paraphrase';
import { pretrainingShape, pretrainingText } from '../../src/data/grammar/pretraining';
import { type UnderstandingSet, understandingSets, writeExamples } from '../../src/data/grammar/sets';
import { corruptSpans, spanCounts } from '../../src/data/grammar/spans';
import { passage } from '../../src/data/grammar/text';
import { grammarTokenizer, SENTINELS } from '../../src/data/grammar/vocabulary';
import { loadModel } from '../../src/models/load';
import type { EncoderDecoder } from '../../src/models/model';
import { countParams, disposeModel } from '../../src/models/params';
import { bundledFolder } from '../../src/project';
import { startBackend } from '../../src/tensor/backend';
import { Random } from '../../src/tensor/random';
import { meaningOf } from '../support/meaning';

const setNamed = (name: string) => understandingSets.find((set) => set.name === name) as UnderstandingSet;

describe('words', () => {
  it('take the right endings', () => {
    assert.deepEqual(['dog', 'bus', 'cherry', 'peach', 'fox', 'boat'].map(withS), [
      'dogs',
      'buses',
      'cherries',
      'peaches',
      'foxes',
      'boats',
    ]);
    assert.deepEqual(['chase', 'grab', 'push', 'fix'].map(past), ['chased', 'grabbed', 'pushed', 'fixed']);
    assert.deepEqual([article('apple'), article('pear')], ['an', 'a']);
  });

  it('know their kind, their synonym and what they exclude', () => {
    assert.deepEqual([kindOf('dog'), kindOf('animal'), kindOf('anna')], ['animal', undefined, undefined]);
    assert.deepEqual([synonymOf('large'), synonymOf('big'), synonymOf('red')], ['big', 'large', null]);
    assert.deepEqual(rivalsOf('big'), ['small']);
    assert.equal(rivalsOf('red').length, 7);
  });
});

describe('clauses', () => {
  const clause: Clause = {
    agent: { det: 'some', adjective: null, noun: 'dog' },
    verb: 'grab',
    patient: { det: 'a', adjective: 'old', noun: 'apple' },
    place: 'in the barn',
    negated: false,
  };

  it('are said in three orders', () => {
    assert.equal(sayClause(clause), 'some dog grabbed an old apple in the barn');
    assert.equal(sayClause(clause, 'passive'), 'an old apple was grabbed by some dog in the barn');
    assert.equal(sayClause(clause, 'fronted'), 'in the barn some dog grabbed an old apple');
  });

  it('are denied by name or by `no`, and then never passive', () => {
    const none = { ...clause, agent: { ...clause.agent, det: 'no' as const } };
    assert.equal(sayClause(none, 'passive'), 'no dog grabbed an old apple in the barn');
    const anna = { ...clause, agent: { det: '' as const, adjective: null, noun: 'anna' }, negated: true, place: null };
    assert.equal(sayClause(anna), 'anna did not grab an old apple');
  });

  it('tell a transfer from either side', () => {
    const transfer = { giver: 'anna', receiver: 'ben', thing: clause.patient, kind: 1 };
    assert.equal(sayTransfer(transfer, 'giver'), 'anna sold an old apple to ben');
    assert.equal(sayTransfer(transfer, 'receiver'), 'ben bought an old apple from anna');
  });
});

describe('inference', () => {
  it('joins edits: two ways up stay up, up and down is anywhere', () => {
    const table: [Relation, Relation, Relation][] = [
      ['equal', 'equal', 'equal'],
      ['equal', 'general', 'general'],
      ['special', 'equal', 'special'],
      ['general', 'general', 'general'],
      ['general', 'special', 'other'],
      ['other', 'general', 'other'],
    ];
    for (const [a, b, both] of table) assert.equal(join(a, b), both);
  });

  it('gives the verdicts of natural logic', () => {
    // `anna saw a dog` against `… animal`, and the same with denials
    assert.equal(verdictOf('general', false, false), 'entailment');
    assert.equal(verdictOf('special', false, false), 'neutral');
    assert.equal(verdictOf('general', true, true), 'neutral');
    assert.equal(verdictOf('special', true, true), 'entailment');
    assert.equal(verdictOf('general', false, true), 'contradiction');
    assert.equal(verdictOf('special', false, true), 'neutral');
    assert.equal(verdictOf('special', true, false), 'contradiction');
    assert.equal(verdictOf('general', true, false), 'neutral');
    for (const denies of [true, false]) assert.equal(verdictOf('other', denies, denies), 'neutral');
  });

  it('agrees with itself: what says the same is entailed, its denial contradicted', () => {
    const random = new Random(1, 'inference');
    const seen = { same: 0, denial: 0, property: 0, passive: 0 };
    for (let i = 0; i < 4000; i++) {
      const { premise, hypothesis, verdict } = inference(random);
      const [a, b] = [meaningOf(premise), meaningOf(hypothesis)];
      if (a.told !== b.told) continue;
      const same = a.denied === b.denied;
      assert.equal(verdict, same ? 'entailment' : 'contradiction', `${premise} / ${hypothesis}`);
      seen[same ? 'same' : 'denial'] += 1;
      if (b.form === 'property' || b.form === 'passive') seen[b.form] += 1;
    }
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what}: ${count}`);
  });
});

describe('paraphrases', () => {
  const pairs = (same: boolean) => {
    const random = new Random(2, `paraphrase ${same}`);
    return Array.from({ length: 2000 }, () => rephrased(random, same));
  };

  it('say the same: who does what to whom and where, told from either side and in any order', () => {
    const forms = new Set<string>();
    let reworded = 0;
    for (const { first, second } of pairs(true)) {
      const [a, b] = [meaningOf(first), meaningOf(second)];
      assert.equal(a.told, b.told, `${first} / ${second}`);
      for (const { form, fronted } of [a, b]) forms.add(fronted ? 'fronted' : form);
      if (first !== second) reworded += 1;
    }
    assert.deepEqual([...forms].sort(), ['active', 'fronted', 'giving', 'passive', 'taking']);
    assert.ok(reworded > 1800, `${reworded} of 2000 in other words`);
  });

  it('are never claimed of a sentence that says something else', () => {
    for (const { first, second } of pairs(false)) {
      assert.notEqual(meaningOf(first).told, meaningOf(second).told, `${first} / ${second}`);
    }
  });
});

describe('agreement', () => {
  it('differs between a right sentence and its mistake by the verb alone', () => {
    const random = new Random(4, 'agreement');
    const subject = /^the (\w+)(?: near the \w+)?(?: in the \w+)? (\w+)$/;
    let seen = 0;
    for (let i = 0; i < 1000; i++) {
      const match = subject.exec(judgedSentence(random, true));
      if (!match) continue;
      seen += 1;
      assert.notEqual(match[1].endsWith('s'), match[2].endsWith('s'), match[0]); // dogs jump, dog jumps
    }
    assert.ok(seen > 100);
  });
});

describe('span corruption', () => {
  const tokens = Array.from({ length: 40 }, (_, i) => 100 + i);
  const sentinels = Array.from({ length: 12 }, (_, i) => 10 + i);

  it('can be undone, whatever was drawn', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { input, target } = corruptSpans(tokens, { density: 0.25, length: 2 }, sentinels, 1, new Random(seed));
      assert.equal(input.at(-1), 1);
      assert.equal(target.at(-1), 1);
      const filled = input.slice(0, -1).flatMap((token) => {
        const at = sentinels.indexOf(token);
        if (at < 0) return [token];
        return target.slice(target.indexOf(token) + 1, target.indexOf(sentinels[at + 1]));
      });
      assert.deepEqual(filled, tokens);
    }
  });

  it('takes the share and the mean length that were asked for', () => {
    assert.deepEqual(spanCounts(100, { density: 0.15, length: 3 }), { noise: 15, gaps: 5 });
    assert.deepEqual(spanCounts(2, { density: 0.15, length: 3 }), { noise: 1, gaps: 1 });
    for (let i = 0; i < 20; i++) {
      const { input, target } = pretrainingText(new Random(i, 'pretraining'));
      assert.deepEqual([input.length, target.length], [pretrainingShape.inputLength, pretrainingShape.targetLength]);
    }
  });
});

describe('understanding sets', () => {
  it('use words of the vocabulary only, and fit their length', () => {
    assert.ok(grammarTokenizer.vocabSize <= 600);
    assert.deepEqual(grammarTokenizer.encode(SENTINELS[0]), [3]);
    const random = new Random(5, 'passages');
    for (let i = 0; i < 1500; i++) grammarTokenizer.encode(passage(random));
    for (const set of understandingSets) {
      for (const { text, label } of writeExamples(set, new Random(6, set.name), 600)) {
        assert.ok(grammarTokenizer.encode(set.prompt(text), { eos: true }).length <= set.length, text);
        assert.equal(grammarTokenizer.encode(label).length, 1);
      }
    }
  });

  it('are balanced, without a text twice and without those to leave out', () => {
    for (const set of understandingSets) {
      const held = new Set(writeExamples(set, new Random(7, set.name), 60).map(({ text }) => text));
      const examples = writeExamples(set, new Random(7, set.name), 300, held);
      const texts = new Set(examples.map(({ text }) => text));
      assert.equal(texts.size, 300);
      for (const text of texts) assert.ok(!held.has(text));
      for (const label of set.labels) {
        const count = examples.filter((example) => example.label === label).length;
        assert.equal(count, 300 / set.labels.length);
      }
    }
  });

  it('put their prompts round the text', () => {
    assert.equal(
      setNamed('sentiment').prompt('the film was great .'),
      'classify the sentiment of the text : the film was great . \n result :',
    );
  });
});

describe('the shipped base', () => {
  before(() => startBackend());
  const folder = bundledFolder('grammar-t5');
  const json = (file: string) => JSON.parse(readFileSync(joinPath(folder, file), 'utf8'));

  it('has the vocabulary and the marks of the code', async () => {
    assert.deepEqual(json('vocabulary.json'), grammarTokenizer.toJSON());
    assert.equal(json('config.json').vocab_size, grammarTokenizer.vocabSize);
    const text = passage(new Random(8, 'passage'));
    for (const source of ['grammar-t5', folder]) {
      const loaded = await loadModel(source);
      const model = loaded.model as EncoderDecoder;
      assert.deepEqual([model.kind, model.name], ['seq2seq', 'grammar-t5']);
      assert.equal(model.params.get('shared.weight')?.shape[0], grammarTokenizer.vocabSize);
      assert.deepEqual([model.start, model.eos], [grammarTokenizer.pad, grammarTokenizer.eos]);
      assert.deepEqual(loaded.tokenizer?.encode(text), grammarTokenizer.encode(text));
      assert.deepEqual(loaded.config, json('config.json'));
      assert.deepEqual([model.linears.length, countParams(model)], [3 * 6 + 3 * 10, 320_960]); // v1.0 in small
      disposeModel(model);
    }
  });

  it('was trained on the texts that the code writes', () => {
    const hash = createHash('sha256');
    for (let i = 0; i < 200; i++) hash.update(JSON.stringify(pretrainingText(new Random(1, `text ${i}`))));
    assert.equal(hash.digest('hex').slice(0, 16), '4dd59e41db6138e5');
  });
});
