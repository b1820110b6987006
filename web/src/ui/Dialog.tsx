import { X } from 'lucide-react';
import { useEffect, useId, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { IconButton } from './Button';
import css from './Dialog.module.css';

type DialogProps = {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  shape?: 'center' | 'drawer' | 'full' | 'left';
  width?: number;
  bare?: boolean;
};

/** The platform's own modal dialog: it traps focus, closes on Escape and gives the focus back, without a library. */
export function Dialog({ open, onClose, title, children, footer, shape = 'center', width = 520, bare }: DialogProps) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (open && dialog && !dialog.open) {
      dialog.showModal();
      // The first thing to fill in, not the way out; where nothing is to be filled in, the browser's choice stands.
      if (shape !== 'full') dialog.querySelector<HTMLElement>('select, input:not([type=radio], [type=checkbox]), textarea')?.focus();
    }
    return () => dialog?.close();
  }, [open, shape]);
  if (!open) return null;
  return (
    <dialog ref={ref} className={css.dialog} data-shape={shape} style={{ '--width': `${width}px` } as object} aria-labelledby={heading}
      onCancel={(event) => { event.preventDefault(); onClose(); }}
      onMouseDown={(event) => { if (event.target === event.currentTarget) onClose(); }}>
      <div className={css.frame}>
        <header className={bare ? 'hidden' : css.head}>
          <h2 id={heading} className={css.title}>{title}</h2>
          <IconButton label={t('common.close')} onClick={onClose} size={36}><X size={17} aria-hidden /></IconButton>
        </header>
        <div className={css.body} data-bare={bare || undefined}>{children}</div>
        {footer && <footer className={css.foot}>{footer}</footer>}
      </div>
    </dialog>
  );
}
