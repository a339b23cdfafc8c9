/** Makes plotly's SVG the same text every time: its ids are random, which would change committed files for nothing. */

/** Renames the random id of the figure, which stands in the names of its clip paths, gradients and definitions. */
export function stableIds(svg: string): string {
  const uid = /\bid="(?:top)?defs-([0-9a-f]{6})"/.exec(svg)?.[1];
  return uid ? svg.replace(new RegExp(`(?<=[A-Za-z-])${uid}`, 'g'), 'figure') : svg;
}
