// The files that the dashboard is made of besides its page. None holds anything of a fleet, so that all may be public.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { renderIcon } from './signs.js';
import { BASE_CSS } from './styles-base.js';
import { PANELS_CSS } from './styles-panels.js';

/** A file, as the console serves it. */
export interface DashboardFile {
  readonly path: string;
  /** Its Content-Type. */
  readonly type: string;
  readonly content: Buffer;
}

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

/** All files; reads them from disk, once at a console's start. Throws when the package is incomplete. */
export function dashboardFiles(): readonly DashboardFile[] {
  const require = createRequire(import.meta.url);
  const folder = new URL('./browser/', import.meta.url);
  const modules = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const levels = ['good', 'warn', 'bad'] as const;
  return [
    ...modules.map((name) => file(name, JAVASCRIPT, readFileSync(new URL(name, folder)))),
    file('dashboard.css', CSS, Buffer.from(BASE_CSS + PANELS_CSS)),
    file('uplot.js', JAVASCRIPT, readFileSync(require.resolve('uplot/dist/uPlot.esm.js'))),
    file('uplot.css', CSS, readFileSync(require.resolve('uplot/dist/uPlot.min.css'))),
    ...levels.map((level) => file(`icon-${level}.svg`, 'image/svg+xml', Buffer.from(renderIcon(level)))),
  ];
}

function file(name: string, type: string, content: Buffer): DashboardFile {
  return { path: `/.meercat/${name}`, type, content };
}
