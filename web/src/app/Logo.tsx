import css from './Shell.module.css';

export function Logo({ size = 24 }: { size?: number }) {
  return (
    <span className={css.logo} style={{ width: size, height: size, borderRadius: size * 0.29 }} aria-hidden>
      <svg viewBox="0 0 24 24" width={size * 0.62} height={size * 0.62} fill="none" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round">
        <path d="M5 17V9a4 4 0 0 1 4-4h6M19 7v8a4 4 0 0 1-4 4H9" />
      </svg>
    </span>
  );
}
