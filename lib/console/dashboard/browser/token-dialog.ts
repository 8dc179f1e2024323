// The form for the console's token: to act, or, on a console that others can reach, to read at all.

import { isTokenKnown, isTokenRight, keepToken } from './access.js';
import { closeDialog, decisionRow, dialogButton, openDialog } from './dialog.js';
import { build, element } from './elements.js';

/** Shows or hides what needs the token. */
export function setMayAct(mayAct: boolean): void {
  document.body.dataset['mayAct'] = String(mayAct);
  element('token-button').textContent = mayAct ? 'Lock' : 'Unlock';
}

/** Opens the form; resolves when a right token was given, or the form was left. */
export function askToken(reason: string): Promise<void> {
  return new Promise((resolve) => {
    const input = build('input', { type: 'password', name: 'token', autocomplete: 'off', required: true });
    const wrong = build('p', { class: 'wrong', role: 'alert' });
    const form = build(
      'form',
      {},
      build('p', {}, reason),
      build('p', {}, build('label', {}, 'Token', input)),
      wrong,
      decisionRow(build('button', { type: 'submit', class: 'main' }, 'Unlock')),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void tryToken(input.value.trim(), wrong);
    });
    openDialog('Token of the console', form).addEventListener('close', () => resolve(), { once: true });
  });
}

async function tryToken(value: string, wrong: HTMLElement): Promise<void> {
  wrong.textContent = '';
  // What a header can't hold is no token.
  keepToken(/^[!-~]+$/.test(value) ? value : '');
  const isRight = isTokenKnown() ? await isTokenRight() : false;
  if (isRight === true) {
    setMayAct(true);
    closeDialog();
    return;
  }
  keepToken('');
  wrong.textContent =
    isRight === false ? 'This is not the token of this console.' : 'The console takes no tokens just now: try again in some seconds.';
}

/** Unlocks, or locks again. */
export function toggleToken(): void {
  if (document.body.dataset['mayAct'] !== 'true') {
    void askToken('With it you can drain, undrain and eject hosts, and more. It is kept until this tab is closed.');
    return;
  }
  openDialog(
    'Lock',
    build('p', {}, 'This tab forgets the token.'),
    decisionRow(
      dialogButton(
        'Lock',
        () => {
          keepToken('');
          setMayAct(false);
          closeDialog();
        },
        'main',
      ),
    ),
  );
}
