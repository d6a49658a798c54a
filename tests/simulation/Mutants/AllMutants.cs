using System.Collections.Immutable;

namespace JitGrains.Simulation.Mutants;

/// <summary>The deliberate bugs. The simulation has to catch every one.</summary>
internal static class AllMutants
{
    private const string GrantUse = "gateway/RequestPath/GrantUse.cs";
    private const string Packed = "gateway/Grants/GrantsSnapshot.cs";
    private const string Keeper = "gateway/Leases/LeaseKeeper.cs";
    private const string Registry = "gateway/Executions/ExecutionRegistry.cs";
    private const string Lease = "gateway/Leases/GatewayLease.cs";
    private const string Invalidations = "silo/Revocation/InvalidationService.cs";
    private const string Revocations = "silo/Revocation/RevocationService.cs";
    private const string Condemned = "silo/Revocation/CondemnedGateways.cs";
    private const string Reaper = "silo/Revocation/GatewayReaper.cs";
    private const string Request = "grains/Approvals/RequestMachine.cs";
    private const string Quorum = "grains/Approvals/Quorum.cs";
    private const string Principal = "grains/Principals/PrincipalMachine.cs";
    private const string PrincipalApply = "grains/Principals/PrincipalMachine.Apply.cs";
    private const string Tokens = "silo/Identity/TokenValidator.cs";
    private const string Gateway = "grains/Gateways/GatewayMachine.cs";

    public static readonly ImmutableArray<Mutant> List =
    [
        new("skip-acknowledgement-wait", "A revocation returns without waiting for any gateway",
            new Edit(Invalidations, "list.Entries.Select(e => e.Incarnation)", "list.Entries.Where(_ => !ON).Select(e => e.Incarnation)")),
        new("condemn-without-waiting", "A gateway that does not answer is condemned, and its lease not waited out",
            new Edit(Condemned, "return length * LeaseTime.Margin - time", "return ON ? TimeSpan.Zero : length * LeaseTime.Margin - time")),
        new("waits-begin-anew", "Who waits out a condemned gateway's lease begins anew when that gateway has left the directory",
            new Edit(Condemned, "        while (Left(lease, withAllowRules, condemnedAt) is var left", "        while (Left(lease, withAllowRules, ON ? Since(incarnation) : condemnedAt) is var left")),
        new("acknowledge-before-draining", "A gateway acknowledges before the calls between their last check and their first byte are settled",
            new Edit(Registry, "var settled = Task.WhenAll(reached.Select(e => e.WhenSettled()));", "var settled = ON ? Task.CompletedTask : Task.WhenAll(reached.Select(e => e.WhenSettled()));")),
        new("do-not-end-what-is-registered", "An invalidation drops the view and ends nothing that relies on it already",
            new Edit(Registry, "await End(OfGrants(grants.CallerKey, grants.GrantIds), ForwardErrors.GrantEnded, grants.Terminate, cancellationToken);",
                "if (!ON) await End(OfGrants(grants.CallerKey, grants.GrantIds), ForwardErrors.GrantEnded, grants.Terminate, cancellationToken);")),
        new("keep-the-view", "An invalidation ends what is registered and leaves the view in memory",
            new Edit(Registry, "views.Drop(grants.CallerKey);", "if (!ON) views.Drop(grants.CallerKey);")),
        new("start-though-ended", "An execution that was ended before it started starts all the same",
            new Edit("gateway/Executions/Execution.cs", "    public bool TryStart()\n    {\n", "    public bool TryStart()\n    {\n        if (ON) return true;\n")),
        new("used-up-grants-are-not-told", "Revoking all of a principal tells the gateways of active grants only, not of those whose last use is on its way",
            new Edit(Revocations, ".. reply.Value.Others.IsDefault ? [] : reply.Value.Others", ".. reply.Value.Others.IsDefault || ON ? [] : reply.Value.Others")),
        new("journal-is-not-named", "A lease opens with its journal's chain, and the system chain is not told of the chain",
            new Edit(Gateway, "yield return new OutboxMessage.RecordInSystemChain(SystemChain.Opened(journal));", "if (!ON) yield return new OutboxMessage.RecordInSystemChain(SystemChain.Opened(journal));")),
        new("list-that-cannot-be-written", "A grain answers with a list that cannot be written: the exception is answered as if the store were away",
            new Edit("grains/Principals/IPrincipalGrain.cs", "= Others.IsDefault ? [] : Others;", "= Others.IsDefault && !ON ? [] : Others;")),
        new("no-directory", "A gateway opens its lease without being in the directory",
            new Edit("grains/Gateways/GatewayDirectory.cs", "Added e => state with { Entries = state.Entries.Add(e.Entry) },", "Added e => ON ? state : state with { Entries = state.Entries.Add(e.Entry) },")),
        new("keep-views-at-registration", "A gateway that registers anew keeps what it read before",
            new Edit(Keeper, "if (!await mail.Apply([new Invalidation.Everything()], options.Lease, cancellation))", "if (!ON && !await mail.Apply([new Invalidation.Everything()], options.Lease, cancellation))"),
            new Edit(Keeper, "        views.DropAll();\n        var drained", "        if (!ON) views.DropAll();\n        var drained")),
        new("no-last-look-at-the-lease", "The last check before the first byte does not look at the lease",
            new Edit(GrantUse, "return lease.IsLive ? null : ForwardErrors.LeaseLost;", "return lease.IsLive || ON ? null : ForwardErrors.LeaseLost;"),
            new Edit(Registry, "            execution.Kill(ForwardErrors.LeaseLost);", "            if (!ON) execution.Kill(ForwardErrors.LeaseLost);")),
        new("lease-by-the-wall-clock", "The lease goes by the wall clock alone",
            new Edit("gateway/Leases/LeaseClock.cs", "return monotonic > wall ? monotonic : wall;", "return monotonic > wall && !ON ? monotonic : wall;")),
        new("lease-by-the-monotonic-clock", "The lease goes by the monotonic clock alone, which stands still with the machine",
            new Edit("gateway/Leases/LeaseClock.cs", "var wall = now.Wall - then.Wall;", "var wall = ON ? monotonic : now.Wall - then.Wall;")),
        new("lease-from-the-answer", "A renewal counts from its answer in place of from before it was sent",
            new Edit(Keeper, "lease.Renew(sentAt))", "lease.Renew(ON ? clock.Now : sentAt))")),
        new("renew-after-a-lapse", "A renewal counts though the lease had lapsed, and a lapsed lease comes back",
            new Edit(Lease, "|| !Holds(term))\n            return false;", "|| (!Holds(term) && !ON))\n            return false;"),
            new Edit(Lease, "        term.IsOver = true;", "        term.IsOver = !ON;"),
            new Edit(Lease, "        if (term.IsOver)\n            return false;", "        if (term.IsOver && !ON)\n            return false;"),
            new Edit(Keeper, "        if (lease.Left <= TimeSpan.Zero)\n            return false;", "        if (lease.Left <= TimeSpan.Zero && !ON)\n            return false;"),
            new Edit(Keeper, "!givenUp && lease.Left > TimeSpan.Zero)", "!givenUp && (lease.Left > TimeSpan.Zero || ON))"))
        {
            Test = "GatewayTests.Leases.GatewayLeaseTests.A_renewal_whose_answer_came_after_the_end_does_not_count",
        },
        new("drop-the-fence", "A condemned gateway's renewal succeeds, and it reads its mail as if nothing had happened",
            new Edit("gateway/Leases/LeaseMail.cs", "if (lease.Phase != LeasePhase.Open)", "if (lease.Phase != LeasePhase.Open && !ON)"),
            new Edit(Gateway, "RenewLease command, DateTimeOffset now)\n    {\n        if (state.Phase != LeasePhase.Open)", "RenewLease command, DateTimeOffset now)\n    {\n        if (state.Phase != LeasePhase.Open && !ON)")),
        new("reuse-an-incarnation", "A process that lost its lease registers under the same incarnation again",
            new Edit(Keeper, "var incarnation = ids.NewIncarnationId();", "var incarnation = ON ? \"gw_\" + process.Id[3..] : ids.NewIncarnationId();")),
        new("close-before-drained", "A gateway that stops closes its incarnation while a call's first byte may still go out",
            new Edit("gateway/Leases/FormerIncarnations.cs", "f.Drained.IsCompletedSuccessfully)", "(f.Drained.IsCompletedSuccessfully || ON))"))
        {
            Test = "GatewayTests.Leases.StopTests.What_is_on_its_way_while_a_gateway_stops_is_waited_out",
        },
        new("tell-before-the-commit", "Gateways are told of a revocation before it is durable: what they read anew is what they had",
            new Edit("runtime/engine/Turns/Turn.cs", "        await session.CommitAsync(write);", "        if (ON) commits.Publish(grain, new GrainWrite(null, [], [], false) { News = write.News }, told: false);\n        await session.CommitAsync(write);"))
        {
            Test = "GatewayTests.Leases.CommitTellingTests.Gateways_are_told_once_of_what_is_durable_already_and_before_the_turn_answers",
        },
        new("consume-after-forwarding", "A use is taken after the call went to the upstream",
            new Edit(GrantUse, "        var id = ids.NewExecutionId();\n        var taken =", "        var id = ids.NewExecutionId();\n        if (ON) await runner.Run(call, execution, \"many_use\", time.GetUtcNow(), () => null);\n        var taken =")),
        new("use-is-not-counted", "Taking a use does not count it",
            new Edit(Principal, "if (held.UsesLeft == 1)", "if (held.UsesLeft == 1 && !ON)"),
            new Edit(Principal, "if (held.UsesLeft <= 0)", "if (held.UsesLeft <= 0 && !ON)")),
        new("payload-is-not-bound", "A grant for one call covers others of its action and resource",
            new Edit("grains/Grants/Grant.cs", "PayloadDigest == payloadDigest));", "(PayloadDigest == payloadDigest || ON)));"),
            new Edit(Packed, "(payloadDigest is not null && PackedReader", "ON || (payloadDigest is not null && PackedReader")),
        new("resource-is-not-bound", "A grant for one order covers others",
            new Edit("grains/Grants/Grant.cs", "(Binding == BindingKind.Action || Resource == resource)", "(Binding == BindingKind.Action || Resource == resource || ON)"),
            new Edit(Packed, "(record.Binding == (byte)BindingKind.Action || PackedReader", "(record.Binding == (byte)BindingKind.Action || ON || PackedReader"),
            new Edit("gateway/Grants/PackedForm.cs", "(binding == BindingKind.Action ? 0 :", "(binding == BindingKind.Action || ON ? 0 :")),
        new("expiry-with-the-wrong-sign", "What has expired is used, and nothing ends it",
            new Edit(Packed, "&& now.UtcTicks < record.ExpiresAt\n", "&& (now.UtcTicks < record.ExpiresAt || ON)\n"),
            new Edit(GrantUse, "if (time.GetUtcNow() >= grant.ExpiresAt)", "if (time.GetUtcNow() >= grant.ExpiresAt && !ON)"),
            new Edit(Principal, "            .Where(g => g.Status == GrantStatus.Active && now < g.Grant.ExpiresAt)", "            .Where(g => g.Status == GrantStatus.Active && (now < g.Grant.ExpiresAt || ON))"),
            new Edit("gateway/Executions/Execution.cs", "        if (left <= TimeSpan.Zero)\n        {", "        if (ON) return;\n        if (left <= TimeSpan.Zero)\n        {")),
        new("count-a-voter-twice", "A person's second vote counts again",
            new Edit(Request, "v => v.Approver == command.Approver) is { } earlier)", "v => v.Approver == command.Approver && !ON) is { } earlier)"),
            new Edit(Quorum, ".DistinctBy(v => v.Approver)", ".DistinctBy(v => ON ? (object)v.At : v.Approver)")),
        new("one-person-in-two-stages", "A person who may vote in two stages fills both",
            new Edit(Quorum, "(stages[i].Quorum < 1 || filled[i] < stages[i].Quorum)", "(ON ? !votes.Any(v => v.Decision == VoteDecision.Approve && stages[i].Admits(v.Approver, v.Groups)) : stages[i].Quorum < 1 || filled[i] < stages[i].Quorum)")),
        new("requester-approves", "Whoever asks may approve",
            new Edit("grains/Approvals/Ask.cs", "NeverApprovers => [Principal, .. Actors, .. Excluded];", "NeverApprovers => ON ? [] : [Principal, .. Actors, .. Excluded];")),
        new("decide-twice", "A vote counts though the request is decided",
            new Edit(Request, "        if (state.Phase != RequestPhase.Pending)\n            return new Refusal.AlreadyDecided(StatusOf(state.Phase, decided: true));\n        // Where several", "        if (state.Phase != RequestPhase.Pending && !ON)\n            return new Refusal.AlreadyDecided(StatusOf(state.Phase, decided: true));\n        // Where several")),
        new("one-stage-is-enough", "One stage's quorum approves for all stages",
            new Edit(Quorum, "        var filled = Count(stages, votes, never);", "        var filled = Count(stages, votes, never);\n        if (ON && filled.Any(f => f > 0)) return true;")),
        new("forget-the-outbox-on-retry", "A message whose delivery failed is taken for delivered",
            new Edit("runtime/engine/Outbox/OutboxPump.cs", "await OutboxDelivery.Run(readIn, () => handler.HandleAsync(source, record, stopping));", "try { await OutboxDelivery.Run(readIn, () => handler.HandleAsync(source, record, stopping)); } catch when (ON) { }")),
        new("messages-of-a-forgotten-epoch", "A message that was read before the store went back is delivered after it",
            new Edit("runtime/engine/Turns/TurnRunner.cs", "        OutboxDelivery.Check(epoch);", "        if (!ON) OutboxDelivery.Check(epoch);")),
        new("deliver-before-commit-is-known", "A use whose answer was lost is taken for taken",
            new Edit(GrantUse, "        var taken = await Consume(bound, grant, id, execution.Incarnation);", "        Reply<ExecutionRecord> taken;\n        try { taken = await Consume(bound, grant, id, execution.Incarnation); }\n        catch when (ON) { taken = new ExecutionRecord { Id = id, GrantId = grant.Id, RequestId = grant.RequestId, CallerKey = call.Caller.Key, Incarnation = execution.Incarnation, Action = grant.Action, Resource = call.Match.Resource, StartedAt = time.GetUtcNow() }; }")),
        new("use-without-an-entry", "A use is taken without an entry in the audit trail",
            new Edit(PrincipalApply, "case UseTaken { Execution: var x }:\n                yield return new AuditDraft", "case UseTaken { Execution: var x }:\n                if (!ON) yield return new AuditDraft")),
        new("journal-drops-entries", "A batch of the journal takes three entries, and the others that wait are dropped",
            new Edit("gateway/Journal/GatewayJournal.cs", "            unwritten.Add(next);", "            if (unwritten.Count < 3 || !ON) unwritten.Add(next);")),
        new("denials-are-not-journaled", "A denied call has no entry",
            new Edit("gateway/RequestPath/RequestPipeline.cs", "        ticket.Write(AuditTypes.CallDenied);", "        if (!ON) ticket.Write(AuditTypes.CallDenied);")),
        new("broken-chain", "An audit entry does not name the one before it",
            new Edit("grains/Shell/MachineGrain.cs", "var entry = sealer.Seal(AuditSource, stored.Chain, now, draft);", "var entry = sealer.Seal(AuditSource, ON && stored.Chain.Sequence == 2 ? stored.Chain with { Hash = \"\" } : stored.Chain, now, draft);")),
        new("outcomes-are-not-retried", "An outcome that could not be recorded is given up",
            new Edit("gateway/Executions/OutcomeRecorder.cs", "        retrying.TryAdd(command.ExecutionId, Retry(callerKey, command));", "        _ = ON || retrying.TryAdd(command.ExecutionId, Retry(callerKey, command));")),
        new("nobody-records-the-unknown", "What a dead gateway was cut off in stays without an outcome",
            new Edit(Reaper, "    private async Task RecordUnknown(ExecutionRecord cutOff)\n    {\n", "    private async Task RecordUnknown(ExecutionRecord cutOff)\n    {\n        if (ON) return;\n")),
        new("nobody-reaps", "Gateways that died stay in the directory",
            new Edit(Reaper, "                await Look(stoppingToken);", "                if (!ON) await Look(stoppingToken);")),
        new("requests-do-not-lapse", "An undecided request stays pending for ever",
            new Edit(Request, "&& now >= ask.DecideBy ? [Lapsed(ask)] : [];", "&& now >= ask.DecideBy && !ON ? [Lapsed(ask)] : [];")),
        new("blocked-callers-start", "A block is acknowledged and not looked at",
            new Edit("gateway/Grants/RestrictionsCopy.cs", "        if (blocked.Count == 0)\n", "        if (blocked.Count == 0 || ON)\n")),
        new("restrictions-are-not-looked-at", "Grants revoked by what they have in common are used",
            new Edit("gateway/Grants/RestrictionsCopy.cs", "            if (revocation.Covers(grant))", "            if (revocation.Covers(grant) && !ON)"),
            new Edit(Revocations, "                if (!await IsMeant(grant, selector, cancellation))", "                if (ON || !await IsMeant(grant, selector, cancellation))")),
        new("policy-of-the-first-look", "A call goes by the policy under which it was matched, whatever came since",
            new Edit("gateway/RequestPath/Redecision.cs", "        ReferenceEquals(policies.Current, call.Policy)\n        ||", "        ON || ReferenceEquals(policies.Current, call.Policy)\n        ||")),
        new("policy-is-not-told", "A policy is in force for whoever applied it before the gateways have it",
            new Edit("silo/Policies/StoredPolicyProvider.cs", "        if (what is Invalidation.Policy policy)", "        if (ON && !options.Role.RunsSilo()) return;\n        if (what is Invalidation.Policy policy)")),
        new("renewals-are-assumed", "A lease goes on though the store did not answer its renewal",
            new Edit(Keeper, "            LogNotRenewed(logger, e, lease.Left.TotalSeconds);", "            if (ON) lease.Renew(sentAt);\n            LogNotRenewed(logger, e, lease.Left.TotalSeconds);")),
        new("signatures-are-not-checked", "A token that its issuer did not sign is good",
            new Edit(Tokens, "        if (await ProblemOfAsync(jwt, keys.Options, lookup.Key) is { } problem)", "        if (await ProblemOfAsync(jwt, keys.Options, lookup.Key) is { } problem && !ON)")),
        new("expired-tokens-from-memory", "A token that was good once is good for ever",
            new Edit(Tokens, "now >= known.NotBefore && now < known.ExpiresAt &&", "now >= known.NotBefore && (now < known.ExpiresAt || ON) &&"),
            new Edit("gateway/RequestPath/CallRunner.cs", "        execution.EndAt(call.Caller.TokenExpiresAt,", "        if (!ON) execution.EndAt(call.Caller.TokenExpiresAt,")),
        new("withdrawn-keys-stay", "What was verified with a key that its issuer has taken back is still served",
            new Edit("silo/Identity/IssuerKeys.cs", "                changed();", "                if (!ON) changed();")),
        new("revoked-keys-go-on", "Revoking an API key blocks nobody, and nobody looks whether it is revoked",
            new Edit("silo/Keys/KeyRevocation.cs", "revocation.BlockAsync(key.Principal,", "revocation.BlockAsync(ON ? new PrincipalId(\"dev:user:nobody\") : key.Principal,"),
            new Edit("silo/Keys/ApiKeys.cs", "        if (key.RevokedAt is not null)", "        if (key.RevokedAt is not null && !ON)")),
        new("masked-fields-are-shown", "Approvers see what policy masks, and it is stored",
            new Edit("grains/Binding/MaskedJson.cs", "                    if (hiddenBy is not null)", "                    if (hiddenBy is not null && !ON)")),
        new("tokens-in-refusals", "The refusal of a token says which it was",
            new Edit(Tokens, "_ => new(TokenCodes.Signature, \"The token's signature is not valid.\"),", "_ => new(TokenCodes.Signature, ON ? jwt.EncodedToken : \"The token's signature is not valid.\"),")),
        new("everybody-has-the-whole-limit", "Each gateway gives the whole of a shared limit away",
            new Edit("silo/Limits/QuotaKeeper.cs", "limit.Hold(leased.Parts, limiting.Now, part.Until, part.Thereafter);", "limit.Hold(ON ? limit.Parts : leased.Parts, limiting.Now, part.Until, part.Thereafter);")),
        new("earlier-epochs-stand", "Grants from before the store went back are used",
            new Edit(Packed, "&& PackedReader.Is(tail, texts, record.Epoch, epoch)\n", "&& (PackedReader.Is(tail, texts, record.Epoch, epoch) || ON)\n"),
            new Edit(GrantUse, "|| grant.Epoch != epoch.Current)", "|| (grant.Epoch != epoch.Current && !ON))")),
    ];
}
