import { Link, type LinkProps } from '@tanstack/react-router';
import { LoaderCircle } from 'lucide-react';
import type { ButtonHTMLAttributes, ReactNode } from 'react';
import css from './Button.module.css';

type Look = 'plain' | 'primary' | 'approve' | 'deny' | 'danger' | 'quiet';
type Common = { look?: Look; small?: boolean; icon?: ReactNode; keys?: string; children?: ReactNode };

function Inside({ icon, keys, children }: Common) {
  return (
    <>
      {icon}
      {children !== undefined && <span>{children}</span>}
      {keys && <kbd className={css.keys} aria-hidden>{keys}</kbd>}
    </>
  );
}

type ButtonProps = Common & ButtonHTMLAttributes<HTMLButtonElement> & { busy?: boolean };

/** A button. While `busy` it keeps its width, ignores presses and says so to assistive technology. */
export function Button({ look = 'plain', small, busy, icon, keys, children, disabled, ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} className={`${css.button} ${rest.className ?? ''}`} data-look={look}
      data-small={small || undefined} disabled={disabled} aria-disabled={busy || undefined} aria-busy={busy || undefined}
      onClick={(event) => (busy ? event.preventDefault() : rest.onClick?.(event))}>
      <Inside icon={busy ? <LoaderCircle size={15} className="spin" aria-hidden /> : icon} keys={keys}>{children}</Inside>
    </button>
  );
}

/** A link that looks like a button: it goes somewhere, it does nothing else. */
export function ButtonLink({ look = 'plain', small, icon, children, ...link }: Common & LinkProps) {
  return (
    <Link {...link} className={css.button} data-look={look} data-small={small || undefined}>
      <Inside icon={icon}>{children}</Inside>
    </Link>
  );
}

type IconButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { label: string; size?: number };

export function IconButton({ label, size = 32, children, ...rest }: IconButtonProps) {
  return (
    <button type="button" aria-label={label} title={label} {...rest} className={`${css.icon} ${rest.className ?? ''}`}
      style={{ width: size, height: size }}>
      {children}
    </button>
  );
}
