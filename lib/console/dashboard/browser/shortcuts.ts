// Keys of the page, and the help that lists them. They rest while a dialog is open or text is typed.

import { decisionRow, isDialogOpen, openDialog } from './dialog.js';
import { build, element } from './elements.js';
import { toggleToken } from './token-dialog.js';

/** Keys that go to a panel, by the id of its heading. */
const PANELS: readonly (readonly [key: string, panel: string, name: string])[] = [
  ['b', 'balancers-panel', 'Balancers'],
  ['l', 'history-panel', 'Latency and errors'],
  ['h', 'hosts-panel', 'Hosts'],
  ['p', 'picks-panel', 'Herding'],
  ['e', 'events-panel', 'Events'],
  ['s', 'slowest-panel', 'Slowest requests'],
  ['c', 'costs-panel', 'Cost by class'],
];

/** Listens to the keys. */
export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || isDialogOpen()) return;
    if (target instanceof HTMLElement && target.matches('input, select, textarea')) return;
    const panel = PANELS.find(([each]) => each === key)?.[1];
    if (panel !== undefined) goTo(panel);
    else if (key === '?') openHelp();
    else if (key === 'u' && document.body.dataset['hasToken'] === 'true') toggleToken();
    else return;
    event.preventDefault();
  });
}

function goTo(panel: string): void {
  const heading = element(`${panel}-title`);
  heading.focus({ preventScroll: true });
  element(panel).scrollIntoView({ block: 'start' });
}

/** Opens the help. */
export function openHelp(): void {
  const keys = [
    ...PANELS.map(([key, , name]) => [key, `Go to ${name}`]),
    ...(document.body.dataset['hasToken'] === 'true' ? [['u', 'Unlock or lock the actions']] : []),
    ['Esc', 'Close a dialog'],
    ['?', 'This help'],
  ];
  openDialog(
    'Keys and signs',
    build(
      'dl',
      { class: 'keys' },
      ...keys.flatMap(([key = '', text = '']) => [build('dt', {}, build('kbd', {}, key)), build('dd', {}, text)]),
    ),
    build(
      'p',
      {},
      'Figures are of the whole fleet, as its master adds them up once a second. Hosts stand in the order of trouble; they keep their places while the pointer or the focus is among them.',
    ),
    build(
      'p',
      {},
      document.body.dataset['hasToken'] === 'true'
        ? 'Unlock with the token of the console to drain, undrain or eject a host, and more.'
        : 'This page only shows: to act, give the balancers a token with --console-token-file or MEERCAT_CONSOLE_TOKEN.',
    ),
    decisionRow(),
  );
}
