// The page's one dialog: a title, a content, and whoever opened it gets the focus back.

import { build, type Child, element } from './elements.js';

/** Opens the dialog with a content, or exchanges the content of the open one. */
export function openDialog(title: string, ...content: readonly Child[]): HTMLDialogElement {
  const dialog = element('dialog') as HTMLDialogElement;
  dialog.replaceChildren(build('h2', { id: 'dialog-title' }, title), ...content);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector<HTMLElement>('[autofocus], input, select, button')?.focus();
  return dialog;
}

/** Closes the dialog. */
export function closeDialog(): void {
  (element('dialog') as HTMLDialogElement).close();
}

/** Whether it is open. */
export function isDialogOpen(): boolean {
  return (element('dialog') as HTMLDialogElement).open;
}

/** A button of the dialog. */
export function dialogButton(label: string, onClick: () => void, kind = ''): HTMLButtonElement {
  const button = build('button', { type: 'button', class: kind }, label);
  button.addEventListener('click', onClick);
  return button;
}

/** The last row of a dialog: `Cancel` and what else is to be decided. */
export function decisionRow(...buttons: readonly HTMLButtonElement[]): HTMLElement {
  return build('div', { class: 'row' }, dialogButton(buttons.length === 0 ? 'Close' : 'Cancel', closeDialog), ...buttons);
}
