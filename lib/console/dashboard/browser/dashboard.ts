// The dashboard's module: it keeps the page current by the stream of deltas, and hands clicks and keys to who knows them.

import type { DashboardDelta } from '../delta-message.js';
import { isTokenKnown, isTokenRight, keepToken, takeToken } from './access.js';
import { openFleetActions, openHostActions, openPoolActions } from './act-dialog.js';
import { Charts } from './charts.js';
import { element, localiseTimes } from './elements.js';
import { HeatGrids } from './heat-grid.js';
import { applyDelta } from './patch.js';
import { PicksCanvas } from './picks-canvas.js';
import { listenToKeys, openHelp } from './shortcuts.js';
import { runStream } from './stream.js';
import { askToken, setMayAct, toggleToken } from './token-dialog.js';
import { openWhy } from './why-dialog.js';

const charts = new Charts();
const picks = new PicksCanvas();
const grids = new HeatGrids((host) => {
  if (document.body.dataset['mayAct'] === 'true') openHostActions(host);
});

function onDelta(delta: DashboardDelta): void {
  if (delta.title !== undefined) document.title = delta.title;
  if (delta.level !== undefined) {
    document.body.dataset['level'] = delta.level;
    element('icon').setAttribute('href', `/.meercat/icon-${delta.level}.svg`);
  }
  applyDelta(delta);
  grids.apply(delta.grids);
  picks.apply(delta.picks);
  charts.apply(delta);
}

function onClick({ target }: Event): void {
  const button = target instanceof Element ? target.closest('button') : null;
  if (button === null) return;
  const { host, pool, maintenance, id } = button.dataset;
  if (host !== undefined) openHostActions(host);
  else if (pool !== undefined) openPoolActions(pool, maintenance !== '');
  else if (id !== undefined) void openWhy(id);
  else if (button.id === 'fleet-button') openFleetActions();
  else if (button.id === 'token-button') toggleToken();
  else if (button.id === 'help-button') openHelp();
}

/** A token from the address or from before: is it still the right one? */
async function checkToken(): Promise<void> {
  if (!isTokenKnown() || document.body.dataset['hasToken'] !== 'true') return;
  const isRight = await isTokenRight();
  if (isRight === false) keepToken('');
  setMayAct(isRight === true);
}

takeToken();
localiseTimes(document);
document.addEventListener('click', onClick);
listenToKeys();
void checkToken();
charts.load().catch((error: unknown) => console.error('no charts:', error));
void runStream({
  onDelta,
  onState(text) {
    const place = element('connection');
    if (place.textContent !== text) place.textContent = text;
    document.body.dataset['stream'] = text === '' ? 'live' : 'waits';
  },
  onRefused: () => askToken('This console shows the fleet only with its token. It is kept until this tab is closed.'),
});
