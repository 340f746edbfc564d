// A run's figures in words, and whether it counts: one in which an enabled fault never fired, or
// which no kill ever disturbed, proves nothing and is called invalid.

/** Why a run proves nothing; empty where it counts. */
export function reasonsInvalid({ faults, programs, struck, counts, attempts, outage }) {
  const reasons = [];
  for (const [place, kinds] of [...Object.entries(faults), ...Object.entries(programs)]) {
    for (const [kind, count] of Object.entries(kinds)) {
      if (count === 0) reasons.push(`${place}: no ${kind}`);
    }
  }
  if (struck === 0) reasons.push("no call was in flight at any kill");
  if (counts.unknown === 0) reasons.push("no operation was left unknown");
  for (const outcome of ["refused", "reused"]) {
    if (attempts[outcome] === 0) reasons.push(`no attempt was ${outcome}`);
  }
  if (outage?.accepted === 0) reasons.push("nothing was accepted during the outage");
  if (outage?.turnedAway === 0) reasons.push("nothing was sent during the outage");
  return reasons;
}

/** Violations by rule, with those that matter most always named. */
function tally(violations) {
  const rules = { lost: 0, doubled: 0, phantom: 0, "refused but present": 0, altered: 0 };
  for (const { rule } of violations) rules[rule] = (rules[rule] ?? 0) + 1;
  return rules;
}

function list(counts, most = Infinity) {
  const entries = Object.entries(counts);
  if (most < entries.length) entries.sort(([, one], [, other]) => other - one).splice(most);
  const parts = entries.map(([name, count]) => `${count} ${name}`);
  return parts.join(", ");
}

/** The whole report, a line each. */
export function lines(figures) {
  const { counts, attempts, programs, faults, outage, totals, drained } = figures;
  const rows = [
    ["run", `${figures.mode} mode, seed ${figures.seed}, ${figures.seconds.toFixed(1)} s`],
    ["operations", `${figures.operations}: ${list(counts)}`],
    ["attempts", list(attempts)],
    ["codes", list(figures.codes, 12)],
    ["reads", list(figures.reads)],
  ];
  for (const [name, each] of Object.entries(programs)) rows.push([name, list(each)]);
  rows.push(["in flight", `${figures.struck} calls at the kills`]);
  for (const [name, each] of Object.entries(faults)) rows.push([`${name} faults`, list(each)]);
  if (totals) rows.push(["outbox", `${list(totals)}; by hand: ${list(figures.cleared)}`]);
  if (outage) rows.push(["outage", `${outage.seconds} s, ${outageText(outage)}`]);
  rows.push(["drained", drainText(drained)]);
  rows.push(["verdict", list(tally(figures.violations))]);
  return rows.map(([name, text]) => `${name.padEnd(13)} ${text}`);
}

function outageText({ accepted, turnedAway, drained }) {
  return `${accepted} accepted meanwhile, ${turnedAway} sends turned away, ${drainText(drained)}`;
}

function drainText({ seconds, missing, looks }) {
  if (missing > 0) return `NOT drained: ${missing} missing after ${seconds.toFixed(1)} s`;
  const help = looks === 0 ? "with nobody looking at the cache" : `after ${looks} looks`;
  return `drained ${seconds.toFixed(1)} s after healing, ${help}`;
}

/** One line for the summary of all tests. */
export function figure(figures) {
  const { counts, programs, violations, faults } = figures;
  const kills = Object.entries(programs).map(([name, each]) => `${each.kills} of the ${name}`);
  const injected = Object.values(faults).flatMap((kinds) => Object.values(kinds));
  const sum = injected.reduce((total, count) => total + count, 0);
  const { lost, doubled } = tally(violations);
  return (
    `chaos (${figures.mode} mode): kills -9 ${kills.join(" and ")}, ${sum} network faults; ` +
    `${counts.acknowledged} acknowledged, ${lost} lost, ${doubled} doubled; ` +
    `${counts.unknown} unknown, ${counts["unknown, applied"]} of them applied; ` +
    `${counts.refused} refused; drained in ${figures.drained.seconds.toFixed(1)} s`
  );
}
