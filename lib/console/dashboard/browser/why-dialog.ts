// Why a request went to its host: what `meercat why` prints, in the dialog.

import { ask } from './access.js';
import { decisionRow, openDialog } from './dialog.js';
import { build, element } from './elements.js';

/** Opens the explanation of a request. */
export async function openWhy(id: string): Promise<void> {
  const title = `Why ${id}`;
  openDialog(title, build('p', { role: 'status' }, 'Asking the balancer that sent it …'), decisionRow());
  const text = await explanationOf(id);
  if ((element('dialog') as HTMLDialogElement).open && document.getElementById('dialog-title')?.textContent === title) {
    openDialog(title, build('pre', { tabindex: '0' }, text), decisionRow());
  }
}

async function explanationOf(id: string): Promise<string> {
  try {
    const response = await ask(`/.meercat/why?id=${encodeURIComponent(id)}`, { headers: { Accept: 'application/json' } });
    const said = (await response.json()) as { text?: unknown; message?: unknown };
    const text = said.text ?? said.message;
    return typeof text === 'string' ? text : JSON.stringify(said, null, 2);
  } catch {
    return 'The console did not answer.';
  }
}
