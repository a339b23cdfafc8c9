/** A table as Markdown, LaTeX (booktabs), CSV, HTML or aligned text, each with the escaping its format needs. */
import { UserError } from '../errors';
import { escapeHtml } from './html';
import type { Cell, Table } from './table';
import { displayWidth, pad } from './text';

export type TableFormat = 'md' | 'tex' | 'csv' | 'html' | 'text';
export const tableFormats: readonly TableFormat[] = ['md', 'tex', 'csv', 'html', 'text'];

export interface ExportOptions {
  /** Tell for every cell which records it came from. */
  trace?: boolean;
  /** What a trace prints for a record's id, e.g. its file. Default: the id. */
  fileOf?: (id: string) => string;
}

/** `row, column: mean 1, sd 2, n 3: ids` for every cell that has ids. */
function traceLines({ columns, rows }: Table): string[] {
  return rows.flatMap((row) => {
    const names = row.filter((_, i) => !columns[i].parts).map((cell) => cell.text);
    return row.flatMap((cell, i) => {
      if (!cell.records?.length) return [];
      const { title, parts = [] } = columns[i];
      const numbers = parts.flatMap((part, k) => (cell.numbers?.[k] == null ? [] : [`${part} ${cell.numbers[k]}`]));
      return [`${names.join(', ')}, ${title}: ${numbers.join(', ') || cell.text}: ${cell.records.join(' ')}`];
    });
  });
}

/** The table with what `fileOf` makes of its ids; an id of an average holds several. */
function withFiles(table: Table, fileOf: (id: string) => string): Table {
  const rows = table.rows.map((row) =>
    row.map((cell) => ({ ...cell, records: cell.records?.flatMap((ids) => ids.split(' ')).map(fileOf) })),
  );
  return { ...table, rows };
}

function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replaceAll('<', '&lt;');
}

function toMarkdown(table: Table, trace: boolean): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const cellText = (cell: Cell) => (cell.bold ? `**${escapeMarkdown(cell.text)}**` : escapeMarkdown(cell.text));
  const lines = [
    `**${escapeMarkdown(table.title)}**`,
    '',
    line(table.columns.map((column) => escapeMarkdown(column.title))),
    line(table.columns.map((column) => (column.align === 'right' ? '---:' : '---'))),
    ...table.rows.map((row) => line(row.map(cellText))),
    '',
    ...table.notes.flatMap((note) => [escapeMarkdown(note), '']),
  ];
  if (trace)
    lines.push('Records behind each cell:', '', ...traceLines(table).map((text) => `- ${escapeMarkdown(text)}`), '');
  return lines.join('\n');
}

const texChars: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '%': '\\%',
  _: '\\_',
  '^': '\\textasciicircum{}',
  '~': '\\textasciitilde{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '±': '$\\pm$',
  '×': '$\\times$',
  '−': '$-$',
  '–': '--',
  '…': '\\ldots{}',
  '·': '$\\cdot$',
  '↑': '$\\uparrow$',
  '↓': '$\\downarrow$',
  '²': '$^2$',
  '≤': '$\\leq$',
  '≥': '$\\geq$',
  α: '$\\alpha$',
  β: '$\\beta$',
  γ: '$\\gamma$',
  Δ: '$\\Delta$',
  λ: '$\\lambda$',
  ρ: '$\\rho$',
};

/** Text for LaTeX: special characters escaped, the mathematical ones that the kit prints turned into math. */
export function escapeLatex(text: string): string {
  return [...text.replace(/\s+/g, ' ')].map((char) => texChars[char] ?? char).join('');
}

function toLatex(table: Table, trace: boolean): string {
  // a row that begins with [ would be read as the option of the line break before it
  const row = (cells: readonly string[]) => `    ${cells.join(' & ').replace(/^(?=\[)/, '{}')} \\\\`;
  const cellText = (cell: Cell) => (cell.bold ? `\\textbf{${escapeLatex(cell.text)}}` : escapeLatex(cell.text));
  return [
    ...(trace ? traceLines(table).map((text) => `% ${text.replace(/\s+/g, ' ')}`) : []),
    '% needs \\usepackage{booktabs}',
    '\\begin{table}[t]',
    '  \\centering',
    `  \\caption{${escapeLatex(table.title)}. ${table.notes.map(escapeLatex).join(' ')}}`,
    `  \\label{tab:${table.name.replace(/[^A-Za-z0-9:-]/g, '-')}}`,
    `  \\begin{tabular}{${table.columns.map((column) => column.align[0]).join('')}}`,
    '    \\toprule',
    row(table.columns.map((column) => escapeLatex(column.title))),
    '    \\midrule',
    ...table.rows.map((cells) => row(cells.map(cellText))),
    '    \\bottomrule',
    '  \\end{tabular}',
    '\\end{table}',
    '',
  ].join('\n');
}

/** RFC 4180: a numeric column becomes one column a number, at full precision; an undefined number stays empty. */
function toCsv(table: Table, trace: boolean): string {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const header = table.columns.flatMap((column) => [
    ...(column.parts ? column.parts.map((part) => `${column.title} ${part}`) : [column.title]),
    ...(trace && column.parts ? [`${column.title} records`] : []),
  ]);
  const lines = table.rows.map((row) =>
    row.flatMap((cell, i) => {
      const { parts } = table.columns[i];
      if (!parts) return [cell.text];
      const numbers = parts.map((_, k) => cell.numbers?.[k] ?? '').map(String);
      return trace ? [...numbers, (cell.records ?? []).join(' ')] : numbers;
    }),
  );
  return [header, ...lines].map((cells) => `${cells.map(quote).join(',')}\r\n`).join('');
}

/** Static HTML with its look inline, so that it also reads in a notebook that is not trusted. */
function toHtml(table: Table, trace: boolean): string {
  const css = (align: string) => `text-align:${align};padding:3px 10px;white-space:nowrap`;
  const head = table.columns.map(
    (column) => `<th scope="col" style="${css(column.align)};border-bottom:1px solid">${escapeHtml(column.title)}</th>`,
  );
  const rows = table.rows.map((row) => {
    const cells = row.map((cell, i) => {
      const title = trace && cell.records?.length ? ` title="${escapeHtml(cell.records.join(' '))}"` : '';
      const text = cell.bold ? `<strong>${escapeHtml(cell.text)}</strong>` : escapeHtml(cell.text);
      const style = `style="${css(table.columns[i].align)}${i === 0 ? ';font-weight:normal' : ''}"`;
      return i === 0 ? `<th scope="row" ${style}>${text}</th>` : `<td ${style}${title}>${text}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  return [
    '<table style="border-collapse:collapse;border-top:2px solid;border-bottom:2px solid;font-variant-numeric:tabular-nums">',
    `<caption style="caption-side:top;text-align:left;font-weight:bold;padding:4px 10px">${escapeHtml(table.title)}</caption>`,
    `<thead><tr>${head.join('')}</tr></thead>`,
    '<tbody>',
    ...rows,
    '</tbody>',
    '</table>',
    ...table.notes.map((note) => `<p style="margin:4px 10px;font-size:smaller">${escapeHtml(note)}</p>`),
    '',
  ].join('\n');
}

function toText(table: Table, trace: boolean): string {
  const marked = (cell: Cell) => (cell.bold ? `*${cell.text}` : cell.text);
  const widths = table.columns.map((column, i) =>
    Math.max(displayWidth(column.title), ...table.rows.map((row) => displayWidth(marked(row[i])))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => pad(cell, widths[i], table.columns[i].align))
      .join('  ')
      .trimEnd();
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const bold = table.rows.some((row) => row.some((cell) => cell.bold));
  return [
    table.title,
    rule,
    line(table.columns.map((column) => column.title)),
    rule,
    ...table.rows.map((row) => line(row.map(marked))),
    rule,
    ...table.notes.map((note) => (bold ? note.replace(/^Bold:/, '*') : note)),
    ...(trace ? ['', 'Records behind each cell:', ...traceLines(table).map((text) => `  ${text}`)] : []),
    '',
  ].join('\n');
}

const writers: Readonly<Record<TableFormat, (table: Table, trace: boolean) => string>> = {
  md: toMarkdown,
  tex: toLatex,
  csv: toCsv,
  html: toHtml,
  text: toText,
};

/** The table as text of a format. @throws UserError for an unknown format. */
export function exportTable(table: Table, format: TableFormat, options: ExportOptions = {}): string {
  if (!tableFormats.includes(format)) {
    throw new UserError(`table format ${String(format)} is unknown: use ${tableFormats.join(', ')}`);
  }
  const { trace = false, fileOf = (id: string) => id } = options;
  return writers[format](trace ? withFiles(table, fileOf) : table, trace);
}
