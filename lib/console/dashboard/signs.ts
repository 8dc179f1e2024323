// Signs of states: each is a shape besides a colour, drawn once on the page and referred to. Icons of the tab are the same.

import { html, Markup } from './html.js';

/** Names of the signs. */
export type Sign = 'good' | 'warn' | 'bad' | 'off' | 'master' | 'slave';

/** The shapes, in a box of 16 × 16: a disc with a tick, a triangle, a cross in an octagon, a bar, a star, a ring. */
const SHAPES: Readonly<Record<Sign, string>> = {
  good: '<circle cx="8" cy="8" r="7"/><path class="ink" d="M4.6 8.3l2.3 2.3 4.6-5"/>',
  warn: '<path d="M8 1.2l7 13.2H1z"/><path class="ink" d="M8 6v4.2M8 11.9v.9"/>',
  bad: '<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z"/><path class="ink" d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"/>',
  off: '<circle cx="8" cy="8" r="7"/><path class="ink" d="M5.9 5v6M10.1 5v6"/>',
  master: '<path d="M8 .8l2.2 4.7 5.1.6-3.8 3.5 1 5.1L8 12.2l-4.5 2.5 1-5.1L.7 6.1l5.1-.6z"/>',
  slave: '<path fill-rule="evenodd" d="M8 2a6 6 0 100 12A6 6 0 008 2zm0 2.2a3.8 3.8 0 110 7.6 3.8 3.8 0 010-7.6z"/>',
};

/** Colours of the tab's icons, which no stylesheet reaches. */
const ICON_COLOURS = { good: '#2f9e62', warn: '#c98500', bad: '#d83a3a' } as const;

/** The shapes, invisible, for {@link renderSign} to refer to. */
export function renderSprite(): Markup {
  const symbols = Object.entries(SHAPES).map(([name, shape]) => `<symbol id="sign-${name}" viewBox="0 0 16 16">${shape}</symbol>`);
  return new Markup(`<svg class="sprite" width="0" height="0" aria-hidden="true">${symbols.join('')}</svg>`);
}

/** A sign beside text that says the same. */
export function renderSign(sign: Sign): Markup {
  return html`<svg class="sign ${sign}" width="16" height="16" aria-hidden="true"><use href="#sign-${sign}"/></svg>`;
}

/** The tab's icon for a verdict, as a file of its own. */
export function renderIcon(level: keyof typeof ICON_COLOURS): string {
  const shape = SHAPES[level].replace('class="ink"', 'fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="${ICON_COLOURS[level]}">${shape}</svg>\n`;
}
