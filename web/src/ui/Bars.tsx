import { useRef, useState, type PointerEvent, type ReactNode } from 'react';
import css from './Bars.module.css';

export type Bar = { id: string; label: string; parts: Record<string, number> };
export type Series = { id: string; label: string; colour: string };

type BarsProps = {
  bars: Bar[];
  series: Series[];
  label: string;
  height?: number;
  axis?: boolean;
  format?: (value: number) => string;
  onBrush?: (from: number, to: number) => void;
};

const niceTop = (max: number) => {
  const step = 10 ** Math.floor(Math.log10(max)) / 2;
  return Math.ceil(max / step) * step;
};

/** Stacked columns in plain SVG. With `onBrush` a stretch can be dragged out; the same is offered as text elsewhere. */
export function Bars({ bars, series, label, height = 72, axis = false, format = String, onBrush }: BarsProps) {
  const [hover, setHover] = useState<number | null>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const svg = useRef<SVGSVGElement>(null);
  const total = (bar: Bar) => series.reduce((sum, each) => sum + (bar.parts[each.id] ?? 0), 0);
  const max = Math.max(...bars.map(total), 0) || 1;
  const top = axis ? niceTop(max) : max;
  const width = 1000 / Math.max(1, bars.length);
  const indexAt = (event: PointerEvent) => {
    const box = svg.current!.getBoundingClientRect();
    return Math.max(0, Math.min(bars.length - 1, Math.floor(((event.clientX - box.left) / box.width) * bars.length)));
  };
  const brushing = onBrush && {
    onPointerDown: (event: PointerEvent) => { svg.current!.setPointerCapture(event.pointerId); const at = indexAt(event); setDrag([at, at]); },
    onPointerMove: (event: PointerEvent) => { if (drag) setDrag([drag[0], indexAt(event)]); },
    onPointerUp: () => { if (drag) onBrush(Math.min(...drag), Math.max(...drag)); setDrag(null); },
    onPointerCancel: () => setDrag(null),
  };
  const chosen = (i: number) => !drag || (i >= Math.min(...drag) && i <= Math.max(...drag));
  const shown = hover === null ? undefined : bars[hover];
  return (
    <figure className={css.figure} data-axis={axis || undefined}>
      {axis && [0, 0.5, 1].map((share) => (
        <span key={share} className={css.tick} style={{ bottom: share * height + 13 }} aria-hidden>{format(share * top)}</span>
      ))}
      <svg ref={svg} viewBox={`0 0 1000 ${height}`} width="100%" height={height} preserveAspectRatio="none" role="img" aria-label={label}
        className={css.svg} data-brush={onBrush ? true : undefined} onMouseLeave={() => setHover(null)} {...brushing}>
        {axis && [0, 0.5, 1].map((share) => (
          <line key={share} x1={0} x2={1000} y1={height * (1 - share)} y2={height * (1 - share)} className={css.grid} vectorEffect="non-scaling-stroke" />
        ))}
        {bars.map((bar, i) => {
          let y = height;
          return (
            <g key={bar.id} opacity={chosen(i) && (hover === null || hover === i) ? 1 : 0.5} onMouseEnter={() => setHover(i)}>
              <rect x={i * width} y={0} width={width} height={height} fill="transparent" />
              {series.map((each) => {
                const size = ((bar.parts[each.id] ?? 0) / top) * height;
                y -= size;
                if (size <= 0) return null;
                return <rect key={each.id} x={i * width + width * 0.15} width={width * 0.7} y={y} height={Math.max(size - 0.6, 0.8)} rx={1} style={{ fill: each.colour }} />;
              })}
            </g>
          );
        })}
      </svg>
      {axis && bars.length > 0 && (
        <div className={css.axis} aria-hidden>
          {[...new Set([0, Math.floor(bars.length / 2), bars.length - 1])].map((i) => <span key={i}>{bars[i]!.label}</span>)}
        </div>
      )}
      {shown && (
        <div className={css.tip} style={{ bottom: height + 8, left: `clamp(0px, calc(${((hover! + 0.5) / bars.length) * 100}% - 75px), calc(100% - 160px))` }}>
          <p className="med">{shown.label}</p>
          {[...series].reverse().filter((each) => shown.parts[each.id]).map((each) => (
            <p key={each.id} className={css.line}><Swatch colour={each.colour}>{each.label}</Swatch><span className="num">{format(shown.parts[each.id]!)}</span></p>
          ))}
        </div>
      )}
    </figure>
  );
}

export function Swatch({ colour, children }: { colour: string; children: ReactNode }) {
  return <span className={css.swatch}><i style={{ background: colour }} />{children}</span>;
}
