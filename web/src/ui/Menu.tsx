import { useId, useRef, type KeyboardEvent, type ReactNode } from 'react';
import css from './Menu.module.css';

export type MenuItem = { label: ReactNode; icon?: ReactNode; onSelect?: () => void; href?: string; danger?: boolean; disabled?: boolean; download?: boolean };

type MenuProps = { trigger: (props: { popoverTarget: string; 'aria-haspopup': 'menu'; style: object }) => ReactNode; items: MenuItem[]; label: string; up?: boolean; width?: number };

/** A menu on the platform's popover: light dismiss and Escape come with it, the arrow keys are ours. */
export function Menu({ trigger, items, label, up, width = 220 }: MenuProps) {
  const id = useId();
  const anchor = `--menu-${id.replace(/[^a-z0-9]/gi, '')}`;
  const list = useRef<HTMLDivElement>(null);
  const entries = () => [...(list.current?.querySelectorAll<HTMLElement>('[role=menuitem]:not([aria-disabled=true])') ?? [])];
  const onKeyDown = (event: KeyboardEvent) => {
    const all = entries();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    all[(next + all.length) % all.length]?.focus();
  };
  const close = () => list.current?.hidePopover();
  return (
    <>
      {trigger({ popoverTarget: id, 'aria-haspopup': 'menu', style: { anchorName: anchor } })}
      <div ref={list} id={id} popover="auto" role="menu" aria-label={label} className={css.menu} data-up={up || undefined}
        style={{ positionAnchor: anchor, width } as object} onKeyDown={onKeyDown}
        onToggle={(event) => { if (event.newState === 'open') entries()[0]?.focus(); }}>
        {items.map((item, i) => {
          const inside = <>{item.icon}<span className="grow">{item.label}</span></>;
          const shared = { className: css.item, role: 'menuitem', 'data-danger': item.danger || undefined, tabIndex: -1 } as const;
          return item.href ? (
            <a key={i} {...shared} href={item.href} download={item.download} onClick={close}>{inside}</a>
          ) : (
            <button key={i} type="button" {...shared} aria-disabled={item.disabled}
              onClick={() => { if (item.disabled) return; close(); item.onSelect?.(); }}>{inside}</button>
          );
        })}
      </div>
    </>
  );
}
