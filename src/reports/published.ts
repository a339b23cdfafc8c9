/**
 * Figures that the papers published, for printing beside ours: other models, other data. Each table names where its
 * figures were read; what those sources leave doubtful is not here.
 */

/** One published row; a cell is `mean±sd`, a mean, or null where the source has none. */
export interface PublishedRow {
  /** The kit's name of the method, or the label of the setting. */
  readonly key: string;
  /** Where the kit's own title of `key` does not fit. */
  readonly title?: string;
  readonly cells: readonly (string | null)[];
}

export interface PublishedTable {
  readonly title: string;
  /** Model, training and runs. */
  readonly setting: string;
  readonly source: string;
  readonly columns: readonly string[];
  readonly rows: readonly PublishedRow[];
  readonly notes?: readonly string[];
}

/** Rows as `key: cell cell …`, with `–` for a missing cell and `key = title:` where the title differs. */
function rows(text: string): PublishedRow[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [, key, title, cells] = /^(.*?)(?: = (.*))?: (.*)$/.exec(line)!;
      return { key, title, cells: cells.split(' ').map((cell) => (cell === '–' ? null : cell)) };
    });
}

const mgpo = 'the LoRA-MGPO paper, which reprints the LoRA-GA paper’s tables';
const lga2 = 'the LoRA-GA² paper, by GoRA’s first author';
const notes = 'public notes that restate the GoRA paper';
const llama3 = 'Llama-3.1-8B-Base, attention projections, r = 8, 1 epoch, 3 seeds';

export const publishedTables: Readonly<Record<string, PublishedTable>> = {
  't5-glue': {
    title: 'T5-base on five GLUE tasks, accuracy (%)',
    setting: 'T5-base, all linear layers, r = 8, 1 epoch of the full training sets, learning rate 1e-4, 3 seeds',
    source: `${mgpo}; ${lga2}; ${notes}`,
    columns: ['MNLI', 'SST-2', 'CoLA', 'QNLI', 'MRPC', 'Average'],
    rows: rows(`
full: 86.33±0.00 94.75±0.21 80.70±0.24 93.19±0.22 84.56±0.73 87.91
lora: 85.30±0.04 94.04±0.11 69.35±0.05 92.96±0.09 68.38±0.01 82.08
rslora: 85.73±0.10 94.19±0.23 72.32±1.12 93.12±0.09 52.86±2.27 79.64
dora: 85.67±0.09 94.04±0.53 72.04±0.94 93.04±0.06 68.08±0.51 82.57
lora+: 85.81±0.09 93.85±0.24 77.53±0.20 93.14±0.03 74.43±1.39 84.95
pissa: 85.75±0.07 94.07±0.06 74.27±0.39 93.15±0.14 76.31±0.51 84.71
adalora: 85.45±0.11 93.69±0.20 69.16±0.24 91.66±0.05 68.14±0.28 81.62
lora-ga: 85.70±0.09 94.11±0.18 80.57±0.20 93.18±0.06 85.29±0.24 87.77
gora: 85.91±0.22 94.68±0.43 79.86±0.35 93.27±0.08 86.10±0.20 87.96
ralora = RaLoRA: 85.76 94.22 78.11 93.36 84.74 87.24
lora-ga2: – – – – – 88.62`),
    notes: ['The five published cells of LoRA average 82.01; the published average is 82.08.'],
  },
  'llama2-generation': {
    title: 'Llama-2-7B: MT-Bench, GSM8K, HumanEval',
    setting: 'Llama-2-7B, all linear layers, r = 8 unless said, 1 epoch, 3 seeds',
    source: mgpo,
    columns: ['MT-Bench', 'GSM8K', 'HumanEval'],
    rows: rows(`
lora: 5.61±0.10 42.08±0.04 14.76±0.17
rslora: 5.25±0.03 45.62±0.10 16.01±0.79
dora: 5.97±0.02 53.07±0.75 19.75±0.41
lora+: 5.71±0.08 52.11±0.62 18.17±0.52
pissa: 5.30±0.02 44.54±0.27 16.02±0.78
adalora: 5.57±0.05 50.72±1.39 17.80±0.44
lora-ga: 5.95±0.16 53.60±0.30 19.81±1.46
lora-ga-32 = LoRA-GA, r = 32: 5.79±0.09 55.12±0.30 20.18±0.19
lora-ga-128 = LoRA-GA, r = 128: 6.13±0.07 55.07±0.18 23.05±0.37`),
  },
  'llama3-generation': {
    title: 'Llama-3.1-8B-Base: MT-Bench, GSM8K, HumanEval',
    setting: llama3,
    source: `${lga2}; MT-Bench: ${notes} and the LoRA-MGPO paper`,
    columns: ['MT-Bench', 'GSM8K', 'HumanEval'],
    rows: rows(`
full: 5.88±0.23 73.69±0.28 51.63±1.27
lora: 6.15±0.02 67.78±1.25 43.09±0.35
rslora: – 68.36±0.74 45.78±2.80
dora: – 69.17±1.00 43.70±1.54
lora+: – 71.29±0.93 44.51±2.11
olora: – 68.54±0.42 43.29±2.44
pissa: – 68.56±1.03 44.10±1.54
lora-ga: 5.99 71.39±0.90 43.29±0.61
adalora: – 70.63±0.77 41.46±3.66
gora: 6.34 72.91±0.76 48.98±2.14
gora-128 = GoRA, reference rank 128: 5.82 75.74 52.03
ralora = RaLoRA: 6.38 72.25 48.78
ralora-pro = RaLoRA-Pro: 6.72 73.01 48.37
lora-ga2: – 73.94 49.85
ls-lora: – 70.15 39.83`),
    notes: ['By the ablation over γ, GoRA’s 72.91 and 48.98 are of different γ.'],
  },
  'gora-ranks': {
    title: 'GoRA: range of ranks',
    setting: `${llama3}, γ = 5e-2`,
    source: notes,
    columns: ['GSM8K', 'HumanEval'],
    rows: rows(`
ranks 8–8: 72.10 44.75
ranks 6–15: 72.25 45.85
ranks 4–32: 72.88 48.98`),
  },
  'gora-gamma': {
    title: 'GoRA: size of the start',
    setting: `${llama3}, ranks 4–32`,
    source: notes,
    columns: ['GSM8K', 'HumanEval'],
    rows: rows(`
gamma-0 = γ = 0: 72.45 46.34
gamma-0.03 = γ = 0.03: 72.71 45.93
gamma-0.05 = γ = 0.05: 72.88 48.98
gamma-0.08 = γ = 0.08: 72.91 46.54`),
  },
  'gora-importance': {
    title: 'GoRA: importance metric',
    setting: llama3,
    source: notes,
    columns: ['GSM8K', 'HumanEval'],
    rows: rows(`
union-mean = avg|W ⊙ G|: 72.88 48.98
grad-nuclear = nuclear norm of G: 72.70 43.09
union-nuclear = nuclear norm of W ⊙ G: 72.65 45.12`),
  },
  'clip-seven': {
    title: 'CLIP-ViT-B/16 on Cars, DTD, EuroSAT, GTSRB, RESISC45, SUN397, SVHN: average accuracy (%)',
    setting: 'CLIP-ViT-B/16; the LoRA-GA² paper’s protocol, which is not the GoRA paper’s',
    source: lga2,
    columns: ['Average of seven'],
    rows: rows(`
lora: 89.08
rslora: 89.94
dora: 89.14
lora+: 89.62
pissa: 89.71
olora: 90.00
adalora: 79.79
lora-ga2: 91.16
mora = MoRA: 90.13
melora = MELoRA: 88.96
ralora = RaLoRA: 90.53`),
  },
};
