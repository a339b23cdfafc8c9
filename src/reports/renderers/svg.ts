/** Makes plotly's SVG the same text every time: its ids are random, which would change committed files for nothing. */

/** Renames plotly's random ids (figure and traces) in order of appearance. */
export function stableIds(svg: string): string {
  const uid = /\bid="(?:top)?defs-([0-9a-f]{6})"/.exec(svg)?.[1];
  let result = uid ? svg.replaceAll(uid, 'figure') : svg;
  const traces = new Map<string, string>();
  result = result.replace(/\btrace([0-9a-f]{6})\b/g, (_, id: string) => {
    if (!traces.has(id)) traces.set(id, `trace-${traces.size}`);
    return traces.get(id)!;
  });
  return result;
}
