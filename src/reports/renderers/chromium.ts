/**
 * Charts through a headless Chromium, Chrome or Edge found on this machine: fast once started (tens of
 * milliseconds a chart). One browser serves all charts; it closes itself when idle, so no script hangs on it.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { UserError } from '../../errors';
import type { Figure } from '../figure';
import { fontFiles, fontName } from './fonts';
import { type Bundle, bundleOf, bundleSource, plotlyInput } from './plotly';
import { stableIds } from './svg';

const commands = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'microsoft-edge'];
const places: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
    (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
  ),
  win32: ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'].flatMap((path) =>
    [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)']].flatMap((root) => (root ? [join(root, path)] : [])),
  ),
};

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Path of the browser: `CHROME_PATH`, else the first on `PATH`, else where the system installs it; null for none.
 * @throws UserError when `CHROME_PATH` names no executable file.
 */
export function findBrowser(env: NodeJS.ProcessEnv = process.env): string | null {
  if (env.CHROME_PATH) {
    if (executable(env.CHROME_PATH)) return env.CHROME_PATH;
    throw new UserError(`CHROME_PATH is ${env.CHROME_PATH}, which is no executable file: correct it or unset it`);
  }
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  const candidates = commands.flatMap((command) => folders.map((folder) => join(folder, command)));
  return [...candidates, ...(places[process.platform] ?? [])].find(executable) ?? null;
}

const idleMs = 2000;
let browser: Promise<Browser> | null = null;
const pages = new Map<string, Promise<Page>>();
let idle: NodeJS.Timeout | null = null;
let busy = 0;

async function launch(): Promise<Browser> {
  const executablePath = findBrowser();
  if (!executablePath) {
    throw new UserError(
      'no Chromium, Chrome or Edge found: set CHROME_PATH, or GORA_RENDERER=node to draw without one',
    );
  }
  const { chromium } = await import('playwright-core');
  // Signals belong to the program: by default a Ctrl-C, and an interrupt in a notebook, would end this process too.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  return chromium.launch({ executablePath, headless: true, args: ['--font-render-hinting=none'], ...signals });
}

async function newPage(bundle: Bundle, scale: number): Promise<Page> {
  browser ??= launch();
  const page = await (await browser).newPage({ deviceScaleFactor: scale });
  await page.route('**/*', (route) => route.abort()); // charts are local; nothing is fetched
  const faces = Object.entries(fontFiles).map(([face, file]) => {
    const data = readFileSync(file).toString('base64');
    const kind = face === 'bold' ? 'font-weight:bold;' : face === 'italic' ? 'font-style:italic;' : '';
    return `@font-face{font-family:"${fontName}";${kind}src:url(data:font/ttf;base64,${data})}`;
  });
  await page.setContent(
    `<!doctype html><style>${faces.join('')}body{margin:0}#stage svg{display:block}@page{margin:0}</style>` +
      '<div id="stage"></div>',
  );
  await page.evaluate(
    `Promise.all(['', 'bold ', 'italic '].map((f) => document.fonts.load(f + '12px "${fontName}"')))`,
  );
  await page.addScriptTag({ content: bundleSource(bundle) });
  return page;
}

/** Runs `work` on a page of its own kind, and arms the idle timer when nothing else is at work. */
async function onPage<T>(bundle: Bundle, scale: number, work: (page: Page) => Promise<T>): Promise<T> {
  busy++;
  if (idle) clearTimeout(idle);
  try {
    const key = `${bundle} ${scale}`;
    let page = pages.get(key);
    if (!page) pages.set(key, (page = newPage(bundle, scale)));
    return await work(await page);
  } catch (error) {
    busy = 1; // a crashed browser must not be met again
    await close();
    throw error;
  } finally {
    if (--busy === 0) idle = setTimeout(() => void close(), idleMs);
  }
}

/** The figure as SVG text. */
export function svgOf(figure: Figure, width: number, height: number): Promise<string> {
  const call = { ...plotlyInput(figure, width, height), image: { format: 'svg', width, height, imageDataOnly: true } };
  return onPage(bundleOf(figure), 1, async (page) =>
    stableIds(await page.evaluate<string>(`Plotly.toImage(${JSON.stringify(call)}, ${JSON.stringify(call.image)})`)),
  );
}

async function stage(page: Page, svg: string, width: number, height: number): Promise<void> {
  await page.setViewportSize({ width: Math.ceil(width), height: Math.ceil(height) });
  await page.evaluate(`document.getElementById('stage').innerHTML = ${JSON.stringify(svg)}; undefined`);
}

/** PNG of an SVG, `scale` pixels to a CSS pixel. */
export function pngOf(svg: string, width: number, height: number, scale: number): Promise<Buffer> {
  return onPage('cartesian', scale, async (page) => {
    await stage(page, svg, width, height);
    return page.screenshot({ clip: { x: 0, y: 0, width, height }, type: 'png' });
  });
}

/** One-page PDF of an SVG, vector, with the fonts in it. */
export function pdfOf(svg: string, width: number, height: number): Promise<Buffer> {
  return onPage('cartesian', 1, async (page) => {
    await stage(page, svg, width, height);
    return page.pdf({ width: `${width}px`, height: `${height}px`, printBackground: true, pageRanges: '1' });
  });
}

/** Closes the browser; the next chart starts another. */
export async function close(): Promise<void> {
  if (idle) clearTimeout(idle);
  idle = null;
  const old = browser;
  browser = null;
  pages.clear();
  await old?.then((running) => running.close()).catch(() => undefined);
}
