import {parse} from 'csv-parse/sync';
import type {mm_struct} from '../../include/linux/mm_types.ts';
import {u64} from '../../include/linux/types.ts';
import {EVENT, EVENTS} from '../../kernel/events.ts';
import {find_vma} from '../../mm/mmap.ts';
import {permissions, rss, show_smap_vma_flags, shownStart} from '../../mm/task_mmu.ts';
import {vmstat} from '../../mm/vmstat.ts';
import type {Kind} from './bind.ts';
import {formatOutcome, formatReturn, formatSignal, type PageRun, runOf} from './check.ts';
import {TraceError} from './errors.ts';
import {lineEnd, rowText} from './explain.ts';
import {describe, hex, newPageState, nothingUntil, observe, type PageState, WORD_BIT} from '../../kernel/observe.ts';
import {FIELD, type TraceReader} from './scan.ts';
import type {Session} from './session.ts';

/** Words that a recording states also where they do not hold. */
const STATED_FLAGS = ['uf', 'lo', 'hg', 'nh', 'mg', 'dc'];
const STATED_WORDS = ['softdirty', 'swapcache', 'locked', 'ksm'] as const;

/** Pages that follow each other and are alike, but for frames, slots and indexes that rise. */
interface Run {
	readonly start: number;
	pages: number;
	readonly text: string;
}

/** Writes a trace back with the results that are empty filled in by the model. */
export class Filler {
	private readonly names: Record<Kind, number> = {pfn: 0, entry: 0, anon_vma: 0};
	private readonly state: PageState = newPageState();
	private readonly range: PageRun = {start: 0, end: 0};

	/** @returns the row as it is written back, without a line end; several lines for a run of pages that are not alike */
	row(row: TraceReader, session: Session): string {
		if (row.columnOf[FIELD.result]! < 0) throw new TraceError(row.file, 1, 0, 'a result column to fill', 'none');
		if (row.resultGiven()) return rowText(row);
		if (row.event === EVENT.pte) return this.runs(row, session);
		return withResult(row, this.result(row, session));
	}

	private result(row: TraceReader, session: Session): string {
		const {outcome} = session, {result} = EVENTS[row.event]!, mm = session.machine.tasks.get(row.task)?.mm;
		switch (result) {
			case 'vma': return mm == null ? '' : vmaResult(row, mm);
			case 'rss': return mm == null ? '' : Object.entries(rss(mm)).map(([name, pages]) => `${name}=${pages}`).join(' ');
			case 'count': return String(row.event === EVENT.vmstat ? vmstat(session.machine, row.text(FIELD.a0)) : mm?.map_count);
			default:
		}
		if (result !== 'none' && row.event !== EVENT.config && outcome.bug !== null) return 'BUG';
		switch (result) {
			case 'access': return formatSignal(outcome);
			case 'call': return isAddress(row.event) && outcome.ret >= 0 ? hex(outcome.ret) : outcome.ret >= 0 ? String(outcome.ret) : formatReturn(session.machine, outcome.ret);
			case 'ok-fail':
			case 'task': return formatOutcome(session.machine, row.event, outcome, true);
			default: return '';
		}
	}

	/** A `pte` row: one row for each run of pages that are alike. */
	private runs(row: TraceReader, session: Session): string {
		const {mm} = session.machine.tasks.get(row.task)!, {PAGE_SIZE} = session.machine.arch, runs: Run[] = [];
		runOf(row, mm!, this.range);
		for (let at = this.range.start; at < this.range.end;) {
			const run = runs.at(-1), same = run !== undefined && this.page(mm!, at, run.pages, session) === run.text;
			const text = same ? run.text : this.page(mm!, at, 0, session);
			const next = Math.min(this.range.end, this.state.words === WORD_BIT.none ? nothingUntil(mm!, at) : at + PAGE_SIZE), pages = (next - at) / PAGE_SIZE;
			if (same) run.pages += pages;
			else runs.push({start: at, pages, text});
			at = next;
		}
		if (runs.length === 1) return withResult(row, runs[0]!.text);
		const fields = parse(rowText(row), {relax_column_count: true})[0] as string[];
		return runs.map(({start: at, pages: count, text}) => withFields(row, fields, hex(at), String(count), text)).join(lineEnd(row) || '\n');
	}

	/** The words of a page, as if it were so many pages further down. */
	private page(mm: mm_struct, address: number, offset: number, session: Session): string {
		const {state} = this;
		observe(mm, address, state);
		const present = (state.words & WORD_BIT.present) !== 0, soft = session.machine.rev.soft_dirty;
		if (state.index >= 0) state.index -= offset;
		if (state.pgoff >= 0) state.pgoff -= offset;
		const words = describe(state, (kind, object) => String(this.nameOf(kind, object, session) - (kind === 'anon_vma' ? 0 : offset)));
		const not = present ? STATED_WORDS.filter(word => (state.words & WORD_BIT[word]) === 0 && (word !== 'softdirty' || soft)) : [];
		return [words, ...not.map(word => `!${word}`)].join(' ');
	}

	/** What a recording calls an object; one that it has not named yet gets the next number. */
	private nameOf(kind: Kind, object: number, session: Session): number {
		const known = session.names.nameOf(kind, object);
		if (known !== undefined) return known;
		do this.names[kind]++; while (session.names.objectOf(kind, this.names[kind]) !== undefined);
		session.names.bind(kind, this.names[kind], object);
		return this.names[kind];
	}
}

function isAddress(event: number): boolean {
	return event === EVENT.mmap || event === EVENT.mremap || event === EVENT.brk;
}

function vmaResult(row: TraceReader, mm: mm_struct): string {
	const start = u64(row.lo[0]!, row.hi[0]!), vma = find_vma(mm, start);
	if (vma === null || shownStart(vma) !== start || vma.vm_end !== u64(row.lo[1]!, row.hi[1]!)) return '';
	const set = show_smap_vma_flags(vma);
	return [permissions(vma), ...set, ...STATED_FLAGS.filter(word => !set.includes(word)).map(word => `!${word}`)].join(' ');
}

/** The row with another result. Fields that it is too short for are added. */
function withResult(row: TraceReader, result: string): string {
	const toText = new TextDecoder('utf-8', {ignoreBOM: true}), column = row.columnOf[FIELD.result]!;
	if (result === '') return rowText(row);
	const before = toText.decode(row.rawBytes.subarray(row.rawStart, row.rawFieldStart(FIELD.result)));
	const after = toText.decode(row.rawBytes.subarray(row.rawFieldEnd(FIELD.result), row.rawEnd));
	return before + ','.repeat(Math.max(0, column - row.fieldCount + 1)) + result + after;
}

/** The row with another range and result, its other fields as they are. */
function withFields(row: TraceReader, fields: readonly string[], a0: string, a1: string, result: string): string {
	const all = Array.from({length: row.columnCount}, (_, i) => fields[i] ?? '');
	all[row.columnOf[FIELD.a0]!] = a0;
	all[row.columnOf[FIELD.a1]!] = a1;
	all[row.columnOf[FIELD.result]!] = result;
	return all.map(field => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',');
}
