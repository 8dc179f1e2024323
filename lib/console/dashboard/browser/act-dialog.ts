// What an operator does: choose, see what it would do, confirm. What hurts clients takes a second step, and only what the
// console has refused can be forced.

import { type ActAnswer, askAct } from './access.js';
import { decisionRow, dialogButton, openDialog } from './dialog.js';
import { build, element } from './elements.js';

interface Act {
  /** What the button says, such as `Drain h1`. */
  readonly label: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Opens what can be done with a host. */
export function openHostActions(host: string): void {
  const operator = document.querySelector<HTMLElement>(`button[data-host="${CSS.escape(host)}"]`)?.dataset['operator'];
  const drain = { label: `Drain ${host}`, body: { act: 'drain', target: host } };
  const undrain = { label: `Undrain ${host}`, body: { act: 'undrain', target: host } };
  const eject = { label: `Eject ${host}`, body: { act: 'eject', target: host } };
  // A host that only the grid shows may be in any state.
  const acts =
    operator === undefined
      ? [drain, undrain, eject]
      : operator === ''
        ? [drain, eject]
        : operator === 'drained'
          ? [undrain, eject]
          : [undrain];
  openChoice(
    `Host ${host}`,
    'Drain: no new requests; those it has are finished. Eject: its requests are ended too. Undrain takes either back.',
    acts,
  );
}

/** Opens what can be done with a pool. */
export function openPoolActions(pool: string, isInMaintenance: boolean): void {
  const act = isInMaintenance
    ? { label: 'End maintenance', body: { act: 'maintenance', target: pool, on: false } }
    : { label: 'Begin maintenance', body: { act: 'maintenance', target: pool, on: true } };
  openChoice(`Pool ${pool}`, 'A pool in maintenance answers every request itself; its hosts get none.', [act]);
}

/** Opens what can be done with the fleet. */
export function openFleetActions(): void {
  const algorithms = ['adaptive', 'least-request', 'resource', 'round-robin'].map((algorithm) => ({
    label: algorithm,
    body: { act: 'algorithm', target: algorithm },
  }));
  const own = { label: "each balancer's own", body: { act: 'algorithm', target: 'own' } };
  const restart = { label: 'Rolling restart', body: { act: 'restart', target: 'fleet' } };
  openDialog(
    'Fleet',
    build('p', {}, 'Algorithm of the whole fleet:'),
    build('div', { class: 'row start' }, ...[...algorithms, own].map(choiceButton)),
    build('p', {}, 'Restart all balancers, one after the other:'),
    build('div', { class: 'row start' }, choiceButton(restart)),
    decisionRow(),
  );
}

function openChoice(title: string, text: string, acts: readonly Act[]): void {
  openDialog(title, build('p', {}, text), build('div', { class: 'row start' }, ...acts.map(choiceButton)), decisionRow());
}

function choiceButton(act: Act): HTMLButtonElement {
  return dialogButton(act.label, () => void preview(act));
}

/** Says what the act would do, and asks. */
async function preview(act: Act): Promise<void> {
  openDialog(act.label, build('p', { role: 'status' }, 'Looking at what this does to the others …'), decisionRow());
  const answer = await askAct({ ...act.body, preview: true });
  if (!isOpenWith(act.label)) return;
  if (!answer.ok && !answer.needsForce) {
    openDialog(act.label, build('p', { class: 'wrong', role: 'alert' }, answer.text), decisionRow());
    return;
  }
  const confirm = dialogButton(act.label, () => void perform(act, false, answer), answer.isHurting ? 'danger' : 'main');
  openDialog(act.label, build('p', {}, answer.text), ...effectsOf(answer), ...secondStep(answer, confirm), decisionRow(confirm));
}

/** What hurts is confirmed twice: the button waits for the box. */
function secondStep({ isHurting }: ActAnswer, confirm: HTMLButtonElement): Node[] {
  if (!isHurting) return [];
  confirm.disabled = true;
  const box = build('input', { type: 'checkbox' });
  box.addEventListener('change', () => {
    confirm.disabled = !box.checked;
  });
  return [build('p', { class: 'hurts' }, build('label', {}, box, ' Clients will notice. Do it all the same.'))];
}

/** How the load of the others changes. */
function effectsOf({ effects }: ActAnswer): Node[] {
  if (effects.length === 0) return [];
  const rows = effects
    .toSorted((a, b) => (b.loadAfter ?? 0) - (a.loadAfter ?? 0))
    .slice(0, 12)
    .map(({ host, loadBefore, loadAfter }) =>
      build(
        'tr',
        {},
        build('th', { scope: 'row' }, host),
        build('td', { class: 'num' }, percentOf(loadBefore)),
        build('td', {}, '→'),
        build('td', { class: 'num' }, build('strong', {}, percentOf(loadAfter))),
      ),
    );
  const more = effects.length > rows.length ? [build('p', { class: 'none' }, `and ${effects.length - rows.length} more hosts`)] : [];
  return [
    build('table', { class: 'effects' }, build('caption', {}, 'Load of the other hosts, before and after'), build('tbody', {}, ...rows)),
    ...more,
  ];
}

/** Does it. What is refused for want of force can then be forced, in one more step. */
async function perform(act: Act, force: boolean, previewed: ActAnswer): Promise<void> {
  openDialog(act.label, build('p', { role: 'status' }, 'The fleet is being told …'), decisionRow());
  const answer = await askAct({ ...act.body, ...(force ? { force: true } : {}) });
  if (!isOpenWith(act.label)) return;
  if (answer.ok) {
    openDialog(`${act.label}: done`, build('p', { role: 'status' }, answer.text), decisionRow());
    return;
  }
  const mayForce = !force && answer.status === 409 && (answer.needsForce || previewed.needsForce);
  openDialog(
    act.label,
    build('p', { class: 'wrong', role: 'alert' }, answer.text),
    decisionRow(...(mayForce ? [dialogButton(`Force: ${act.label}`, () => void perform(act, true, previewed), 'danger')] : [])),
  );
}

/** Whether the dialog was not closed, and opened for something else, while the console was asked. */
function isOpenWith(title: string): boolean {
  return (element('dialog') as HTMLDialogElement).open && document.getElementById('dialog-title')?.textContent === title;
}

function percentOf(load: number | null): string {
  return load === null ? '–' : `${Math.round(load * 100)} %`;
}
