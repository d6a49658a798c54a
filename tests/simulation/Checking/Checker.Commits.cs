using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Machine;
using JitGrains.Wire;

namespace JitGrains.Simulation.Checking;

internal sealed partial class Checker
{
    private readonly Dictionary<string, ChainHead> heads = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ExecutionOutcome?> executions = new(StringComparer.Ordinal);

    private void OnCommit(SimProcess process, GrainId grain, GrainWrite write)
    {
        world.History.Add("store", $"{process.Name} {grain.Type}/{grain.Key}: {string.Join(' ', write.Outbox.Select(r => $"{r.Sequence}:{r.Message.GetType().Name}"))}{(write.MayBeLost ? " (may be lost)" : "")}");
        LookAt(grain, write);
        if (grain.Type == "gateway")
            Renewed(process);
        var entries = write.Outbox.Select(r => r.Message).OfType<OutboxMessage.Audit>().Select(a => a.Entry).ToArray();
        Chain(entries);
        var types = entries.Select(TypeOf).ToHashSet(StringComparer.Ordinal);
        foreach (var (_, message) in write.Outbox)
        {
            switch (message)
            {
                case OutboxMessage.RaiseRequest raised:
                    Raised(raised.Ask);
                    break;
                case OutboxMessage.ShowRequest shown:
                    Shown(shown.Request, types);
                    break;
                case OutboxMessage.IssueGrant issued:
                    Approved(issued.Grant, types);
                    break;
                case OutboxMessage.ShowGrant shown:
                    Shown(shown.Grant, types);
                    break;
                case OutboxMessage.ShowExecution shown:
                    Shown(shown.Execution, types);
                    break;
                default:
                    break;
            }
        }

        if (grain.Type == "request" && write.State is { } state && requests.TryGetValue(grain.Key, out var request))
            Voted(request, state, types);
    }

    private void Raised(Ask ask)
    {
        requests[ask.RequestId] = new KnownRequest
        {
            Id = ask.RequestId,
            Who = ask.Principal.Name,
            Action = ask.Action,
            Covers = Meaning.CoversOf(ask.Action, ask.Resource, ask.Payload?.Body ?? ""),
            Uses = ask.Uses,
            Window = ask.Window,
            Stages = [.. ask.Terms.Stages.Select(s => s.Groups)],
        };
        if (ask.Uses != Meaning.UsesOf(ask.Action))
            Violate(2, $"{ask.RequestId} for {ask.Action} asks for {ask.Uses} uses");
    }

    private void Shown(ApprovalRequestView view, HashSet<string> types)
    {
        if (view.Status == RequestStatus.Pending || !requests.TryGetValue(view.Id, out var known))
            return;
        if (known.Decided is { } before && before != view.Status)
            Violate(4, $"{view.Id} was {before} and is now {view.Status}");
        else if (known.Decided is null && !types.Overlaps([AuditTypes.RequestApproved, AuditTypes.RequestDenied, AuditTypes.RequestExpired, AuditTypes.RequestCancelled, AuditTypes.RequestFailed]) && view.Status != RequestStatus.Approved)
            Violate(5, $"{view.Id} is {view.Status} without an entry in the trail");
        known.Decided = view.Status;
        if (view.Status == RequestStatus.Approved && !grants.Values.Any(g => g.Request == view.Id && (g.IssuedAt is not null || issuedAgain.Contains(g.Id))))
            Violate(1, $"{view.Id} shows as approved before its grant exists");
    }

    /// <summary>A request's grain has decided in favour: the grant is on its way.</summary>
    private void Approved(Grant grant, HashSet<string> types)
    {
        if (!requests.TryGetValue(grant.RequestId, out var request))
        {
            Violate(1, $"{grant.Id} comes from no request");
            return;
        }

        if (!types.Contains(AuditTypes.RequestApproved))
            Violate(5, $"{grant.RequestId} was approved without an entry in the trail");
        if (request.Decided is { } decided)
            Violate(4, $"{grant.RequestId} is {decided} and was approved");
        var approvers = grant.Votes.Where(v => v.Decision == VoteDecision.Approve).Select(v => v.Approver.Name).ToImmutableArray();
        foreach (var approver in approvers.Where(a => !cast.Contains((a, grant.RequestId, VoteDecision.Approve))))
            Violate(4, $"{grant.RequestId} was approved by {approver}, who never voted so");
        if (approvers.Distinct(StringComparer.Ordinal).Count() != approvers.Length)
            Violate(4, $"{grant.RequestId} counts somebody twice: {string.Join(",", approvers)}");
        // By the policy under which it was raised, which any of those begun so far may have been.
        if (!policies.Any(p => Meaning.ApprovedBy(request.Action, p) is { } groups && Meaning.Suffices(groups, approvers, request.Who)))
            Violate(4, $"{grant.RequestId} of {request.Who} for {request.Action} was approved by {string.Join(",", approvers)}");
        if (grant.Uses != Meaning.UsesOf(grant.Action) || grant.Principal.Name != request.Who || grant.Action != request.Action)
            Violate(1, $"{grant.Id} is not what {grant.RequestId} asked for");
        grants[(grant.Id, epoch)] = new KnownGrant
        {
            Id = grant.Id,
            Request = grant.RequestId,
            Who = request.Who,
            Action = request.Action,
            Covers = request.Covers,
            Uses = grant.Uses,
            ExpiresAt = grant.ExpiresAt,
            Epoch = epoch,
            Approvers = approvers,
            ApprovedAt = world.Now,
        };
        if (grant.ExpiresAt > SimTime.TrueTime(world) + request.Window + Tolerance)
            Violate(1, $"{grant.Id} lasts longer than was asked for");
    }

    private void Shown(GrantView view, HashSet<string> types)
    {
        if (!grants.TryGetValue((view.Id, epoch), out var grant))
        {
            // Approved before the store went back, and delivered again: void, but there.
            if (view.Status == GrantStatus.Active && !grants.Keys.Any(k => k.Id == view.Id))
                Violate(1, $"{view.Id} exists and was never approved");
            else if (view.Status == GrantStatus.Active)
                issuedAgain.Add(view.Id);
            return;
        }

        if (view.Status == GrantStatus.Active && grant.IssuedAt is null)
        {
            grant.IssuedAt = world.Now;
            if (!types.Contains(AuditTypes.GrantIssued))
                Violate(5, $"{view.Id} was issued without an entry in the trail");
        }

        if (view.UsesLeft is { } left && view.Uses - left != grant.Executions.Count && view.Uses - left != grant.Executions.Count + 1)
            Violate(2, $"{view.Id} shows {left} of {view.Uses} uses left after {grant.Executions.Count}");
        if (view.Status == GrantStatus.Revoked && !types.Contains(AuditTypes.GrantRevoked))
            Violate(5, $"{view.Id} was revoked without an entry in the trail");
    }

    private void Shown(ExecutionRecord record, HashSet<string> types)
    {
        if (executions.TryGetValue(record.Id, out var before))
        {
            if (before is not null && before != record.Outcome)
                Violate(5, $"{record.Id} ended as {before.Status} and then as {record.Outcome?.Status}");
            executions[record.Id] = record.Outcome;
            return;
        }

        executions[record.Id] = record.Outcome;
        // Of before the store went back.
        if (record.Outcome is not null)
            return;
        if (!types.Contains(AuditTypes.GrantConsumed))
            Violate(5, $"{record.Id} took a use without an entry in the trail");
        if (!grants.TryGetValue((record.GrantId, epoch), out var grant))
            return;
        grant.Executions.Add(record.Id);
        if (grant.Executions.Count > Meaning.UsesOf(grant.Action))
            Violate(2, $"{grant.Id} was used {grant.Executions.Count} times");
        if (grant.OverAt is { } over)
            Violate(3, $"{grant.Id} was over at {over.TotalSeconds:F6}, and a use was taken");
        if (SimTime.TrueTime(world) >= grant.ExpiresAt + Tolerance)
            Violate(3, $"{grant.Id} had expired, and a use was taken");
    }

    private void Voted(KnownRequest request, string state, HashSet<string> types)
    {
        using var document = JsonDocument.Parse(state);
        if (Find(document.RootElement, "votes") is not { ValueKind: JsonValueKind.Array } votes)
            return;
        var now = votes.EnumerateArray().Select(v => (Who: v.GetProperty("approver").GetString()!.Split(':')[^1], Decision: Enum.Parse<VoteDecision>(v.GetProperty("decision").GetString()!, ignoreCase: true))).ToImmutableArray();
        // After the store went back it is not known how many there were.
        if (!request.Votes.IsDefault && now.Length > request.Votes.Length && !types.Contains(AuditTypes.VoteCast))
            Violate(5, $"{request.Id} has a vote that is not in the trail");
        if (!request.Votes.IsDefault && now.Length < request.Votes.Length)
            Violate(5, $"{request.Id} lost a vote");
        if (now.Select(v => v.Who).Distinct(StringComparer.Ordinal).Count() != now.Length)
            Violate(4, $"{request.Id} has somebody's vote twice");
        if (now.Any(v => v.Who == request.Who))
            Violate(4, $"{request.Id} has a vote of whoever asked");
        request.Votes = now;
    }

    private static JsonElement? Find(JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return null;
        if (element.TryGetProperty(name, out var found))
            return found;
        foreach (var property in element.EnumerateObject())
        {
            if (Find(property.Value, name) is { } inner)
                return inner;
        }

        return null;
    }

    private void OnJournal(SimProcess process, IReadOnlyList<AuditEntry> entries)
    {
        world.History.Add("store", $"{process.Name} journal: {string.Join(' ', entries.Select(e => $"{e.Sequence}:{TypeOf(e)}"))}");
        foreach (var entry in entries)
            Look($"the journal of {process.Name}", entry.Body);
        Journaled(process, entries);
        Chain(entries);
    }

    /// <summary>Each entry follows the one before; what comes a second time is the same.</summary>
    private void Chain(IReadOnlyList<AuditEntry> entries)
    {
        foreach (var entry in entries)
        {
            var head = heads.GetValueOrDefault(entry.Source, ChainHead.Empty);
            if (entry.Sequence <= head.Sequence)
                continue;
            using var body = JsonDocument.Parse(entry.Body);
            if (entry.Sequence != head.Sequence + 1 || body.RootElement.GetProperty("prev").GetString() != head.Hash)
                Violate(5, $"entry {entry.Sequence} of {entry.Source} does not follow entry {head.Sequence}");
            heads[entry.Source] = new ChainHead(entry.Sequence, entry.Hash);
        }
    }

    private static string TypeOf(AuditEntry entry)
    {
        using var body = JsonDocument.Parse(entry.Body);
        return body.RootElement.GetProperty("type").GetString()!;
    }

    /// <summary>The store went back: what it has forgotten is not held against it, and what was granted before is void.</summary>
    private void OnRestore(TimeSpan copied)
    {
        epoch++;
        epochBegan = world.Now;
        heads.Clear();
        foreach (var (source, head) in cluster.Server.Heads())
            heads[source] = head;
        blocked.Clear();
        foreach (var who in blockings.Keys.ToArray())
            blockings[who]++;
        policyNow = null;
        policyChanges++;
        // Decided anew, where the copy is from before.
        foreach (var request in requests.Values)
            (request.Decided, request.Votes) = (null, default);
        executions.Clear();
        ForgetJournals();
        world.History.Add("store", $"is as it was at {copied.TotalSeconds:F3}");
    }
}
