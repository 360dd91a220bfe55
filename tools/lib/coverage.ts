import {type Decision, decisionNames, decisions, letterOf} from '../../include/linux/decisions.ts';
import type {RevisionName} from '../../include/linux/revision.ts';

/** How often each decision was taken, over many traces, by revision. */
export class Coverage {
	private readonly taken = new Map<RevisionName, Float64Array>();

	add(revision: RevisionName, taken: Float64Array): void {
		const sum = this.taken.get(revision) ?? new Float64Array(taken.length);
		for (let i = 0; i < taken.length; i++) sum[i]! += taken[i]!;
		this.taken.set(revision, sum);
	}

	count(name: string): number {
		const index = decisionNames.indexOf(name as 'rap_dst_mapped');
		return [...this.taken.values()].reduce((sum, taken) => sum + taken[index]!, 0);
	}

	/** All decisions: those that were taken with how often, then those that were not, with the reason where none can. */
	*lines(): Generator<string> {
		const known = decisionNames.map(name => ({name, decision: decisions[name] as Decision, count: this.count(name)}));
		const taken = known.filter(({count}) => count > 0), never = known.filter(({count, decision}) => count === 0 && decision.unreachable === undefined);
		const unreachable = known.filter(({count, decision}) => count === 0 && decision.unreachable !== undefined);
		yield `${taken.length} of ${known.length} decisions taken, ${never.length} never, ${unreachable.length} that no trace can take`;
		for (const {name, decision, count} of taken) yield `${String(count).padStart(9)}  ${this.about(name, decision)}`;
		for (const {name, decision} of never) yield `    never  ${this.about(name, decision)}`;
		for (const {name, decision} of unreachable) yield `        -  ${this.about(name, decision)}; not reachable: ${decision.unreachable}`;
	}

	private about(name: string, decision: Decision): string {
		const letters = [...this.taken.keys()].map(revision => letterOf(decision, revision) ?? '-'), distinct = [...new Set(letters)];
		return `${name} (${distinct.join('/') || '-'}, ${decision.source}): ${decision.why}`;
	}
}
