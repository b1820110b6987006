import { useEffect, type ReactNode } from 'react';
import css from './Page.module.css';

type PageProps = { title: ReactNode; name: string; beside?: ReactNode; actions?: ReactNode; children: ReactNode; fill?: boolean };

/** The frame of every page: one h1, what stands beside it, actions on the right, one scrolling region. */
export function Page({ title, name, beside, actions, children, fill }: PageProps) {
  useEffect(() => {
    document.title = `${name} · Chargehand`;
  }, [name]);
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1 className={css.title} tabIndex={-1}>{title}</h1>
        {beside}
        <span className="grow" />
        {actions && <div className={css.actions}>{actions}</div>}
      </header>
      <section className={css.body} data-fill={fill || undefined} aria-label={name} tabIndex={fill ? undefined : 0}>
        {children}
      </section>
    </div>
  );
}

/** The usual width and padding for pages that are read, not worked in. */
export function Column({ children, wide }: { children: ReactNode; wide?: boolean }) {
  return <div className={css.column} data-wide={wide || undefined}>{children}</div>;
}

export function Section({ title, beside, children }: { title: string; beside?: ReactNode; children: ReactNode }) {
  return (
    <section className={css.section}>
      <div className="row between">
        <h2 className="heading">{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  );
}
