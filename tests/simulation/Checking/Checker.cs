using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Cluster;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Checking;

/// <summary>
/// Judges a history against the invariants (docs/simulation.md numbers them as the design does). It has a model of its own: what
/// was committed, what clients were told, and what reached the upstream. It never asks the product what is right.
/// </summary>
internal sealed partial class Checker(World world, SimCluster cluster)
{
    /// <summary>
    /// How much later than by the store's clock a call may start: a gateway goes by the store's clock as it last heard it, and by
    /// its own rate since (2% of the lease), and a byte takes its moment after the last check.
    /// </summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(150);

    /// <summary>How long a gateway that does not know yet that the store went back may go on by its lease.</summary>
    private static readonly TimeSpan LeaseAndMore = TimeSpan.FromSeconds(5.3);

    private readonly Dictionary<string, KnownRequest> requests = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Id, int Epoch), KnownGrant> grants = [];
    private readonly HashSet<(string Who, string Request, VoteDecision Decision)> cast = [];
    private readonly Dictionary<string, TimeSpan> blocked = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> blockings = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Who, string Action, string Covers), int> starts = [];
    private readonly List<string> violations = [];
    private readonly List<string> policies = [Policies.Usual];
    private int policyChanges;
    private string? policyNow = Policies.Usual;
    private TimeSpan policySince;
    private int epoch = 1;

    /// <summary>Grants that were approved before the store went back and issued after it: void, but their requests show them.</summary>
    private readonly HashSet<string> issuedAgain = new(StringComparer.Ordinal);

    private TimeSpan epochBegan;

    public IReadOnlyList<string> Violations => violations;

    /// <summary>Calls, votes and commands.</summary>
    public int Operations { get; set; }

    /// <summary>First bytes that came to the upstream.</summary>
    public int Starts { get; private set; }

    /// <summary>Of these, those of processes that stood still between their last check and their first byte: not judged by time.</summary>
    public int NotJudged { get; private set; }

    public void Watch()
    {
        cluster.Server.Committed = OnCommit;
        cluster.Server.Appended = OnJournal;
        cluster.Upstream.Received = OnStart;
        cluster.Troubled = OnTrouble;
        cluster.Gone = OnGone;
        cluster.Stopped = OnStopped;
        WatchSecrets();
        var log = cluster.Server.EpochBegan;
        cluster.Server.EpochBegan = (name, at) =>
        {
            log?.Invoke(name, at);
            OnRestore(at);
        };
    }

    public void Violate(int invariant, string what)
    {
        var line = $"invariant {invariant}: {what}";
        world.History.Add("CHECKER", line);
        violations.Add($"{world.Now.TotalSeconds:F6} {line}");
    }

    /// <summary>Nobody had an answer for longer than anything may take.</summary>
    public void Stuck(Host host, string what)
    {
        if (host.Process.IsAlive)
            Violate(0, $"{host.Process.Name} does not answer: {what}");
    }

    public void Casting(string who, string request, VoteDecision decision) => cast.Add((who, request, decision));

    /// <summary>Somebody was told that the vote counts.</summary>
    public void VoteTaken(string who, string request)
    {
        if (requests.TryGetValue(request, out var known) && !known.Votes.IsDefault && !known.Votes.Any(v => v.Who == who) && known.Decided is null)
            Violate(5, $"{who} was told that the vote on {request} is taken, and no commit has it");
    }

    /// <summary>The grants that a revocation which begins now has to end.</summary>
    public ImmutableArray<KnownGrant> RevocationBegins(Func<KnownGrant, bool> which, bool thoseOnTheirWay = false) =>
        [.. grants.Values.Where(g => g.Epoch == epoch && (thoseOnTheirWay || g.IssuedAt is not null) && which(g))];

    /// <summary>It has returned: from now on nothing starts under them.</summary>
    public void Revoked(ImmutableArray<KnownGrant> which)
    {
        foreach (var grant in which)
            grant.OverAt ??= world.Now;
    }

    public int BlockBegins(string who) => blockings[who] = blockings.GetValueOrDefault(who) + 1;

    public void Blocked(string who, int began)
    {
        if (blockings.GetValueOrDefault(who) == began)
            blocked[who] = world.Now;
    }

    public void Unblocking(string who)
    {
        BlockBegins(who);
        blocked.Remove(who);
    }

    public int PolicyBegins(string name)
    {
        policies.Add(name);
        // Until it is known which is in force, any that was begun may be.
        policyNow = null;
        return ++policyChanges;
    }

    public void PolicyApplied(int began)
    {
        // Where another was begun meanwhile, it is not known which came last.
        if (began != policyChanges)
            return;
        (policyNow, policySince) = (policies[^1], world.Now);
    }

    public string? PickGrant(Dice dice)
    {
        var live = grants.Values.Where(g => g.Epoch == epoch && g.OverAt is null && g.IssuedAt is not null).Select(g => g.Id).ToArray();
        return live.Length == 0 ? null : dice.Of(live);
    }

    public string HolderOf(string grant) => grants[(grant, epoch)].Who;

    public (string Request, string Who)? PickRequest(Dice dice)
    {
        var open = requests.Values.Where(r => r.Decided is null).ToArray();
        return open.Length > 0 && dice.Of(open) is var request ? (request.Id, request.Who) : null;
    }

    /// <summary>
    /// Answered as 503 or tried again, a bug would look like a store that is away. Only what is done to the cluster explains an
    /// exception: a store that does not answer, is slow, or has another turn's write; a journal's entries where the store has
    /// lost those before them, and a block that somebody still tells of and the store has forgotten. A silo that starts delivers
    /// before it has its policy, and tries what needs one again.
    /// </summary>
    private void OnTrouble(string process, bool isUp, string what, Exception exception)
    {
        var isExplained = exception is StoreUnavailableException or InconsistentStateException or TimeoutException or OperationCanceledException
            || (epoch > 1 && (exception is AuditGapException || exception.Message.StartsWith("The restrictions were read at version", StringComparison.Ordinal)))
            || (!isUp && exception is InvalidOperationException { Message: "No policy is loaded yet." });
        if (!isExplained)
            Violate(0, $"{process} logs {what}: {exception.GetType().Name}: {exception.Message}");
    }

    private void OnStart(Started call)
    {
        Starts++;
        if (call.WasStopped)
            NotJudged++;
        if (cluster.Issuer.Of(call.Token) is not { } presented)
        {
            Violate(6, $"{call.Method} {call.Target} started with a token that nobody made");
            return;
        }

        var who = presented.Who;
        var target = call.Target[call.Target.IndexOf("/orders", StringComparison.Ordinal)..];
        world.History.Add("upstream", $"{who} {call.Method} {target} {call.Body} from {call.Process.Name}");
        Judge(call, presented);
        if (Meaning.ActionOf(call.Method, target) is not var (action, resource))
        {
            Violate(1, $"{call.Method} {target} is no action, and was forwarded");
            return;
        }

        if (!call.WasStopped && blocked.TryGetValue(who, out var since))
            Violate(3, $"{who} was blocked at {since.TotalSeconds:F3}, and {call.Method} {target} started");
        if (action == "orders.list")
            JudgeLimit(call);
        JudgeLease(call, isApproved: !Meaning.IsAllowed(action));
        if (!Meaning.IsAllowed(action))
            Judge(call, who, action, Meaning.CoversOf(action, resource, call.Body));
    }

    private void Judge(Started call, string who, string action, string covers)
    {
        var what = $"{who} {call.Method} {covers} at {call.Process.Name}";
        var covering = grants.Values.Where(g => g.Who == who && g.Action == action && g.Covers == covers && g.IssuedAt is not null).ToArray();
        if (covering.Length == 0)
        {
            Violate(1, $"{what} started, and no grant covers it");
            return;
        }

        var key = (who, action, covers);
        starts[key] = starts.GetValueOrDefault(key) + 1;
        if (Meaning.UsesOf(action) is not null)
        {
            var uses = covering.Sum(g => g.Executions.Count);
            if (starts[key] > uses)
                Violate(2, $"{what} started {starts[key]} times, and {uses} uses were taken");
        }

        if (call.WasStopped)
            return;
        var why = covering.Select(g => WhyNot(g, who)).ToArray();
        if (why.All(w => w is not null))
            Violate(3, $"{what} started: {string.Join("; ", why)}");
    }

    /// <summary>Why nothing may start under a grant now; null where it may.</summary>
    private string? WhyNot(KnownGrant grant, string who)
    {
        if (grant.OverAt is { } over)
            return $"{grant.Id} was over at {over.TotalSeconds:F6}";
        if (SimTime.TrueTime(world) > grant.ExpiresAt + Tolerance)
            return $"{grant.Id} expired at {grant.ExpiresAt:HH:mm:ss.fff}";
        if (grant.Epoch != epoch && world.Now > epochBegan + LeaseAndMore)
            return $"{grant.Id} is of an earlier epoch";
        if (policyNow is { } policy && world.Now > policySince)
        {
            if (Meaning.ApprovedBy(grant.Action, policy) is not { } groups)
                return $"policy {policy} does not permit {grant.Action}";
            if (!Meaning.Suffices(groups, grant.Approvers, who))
                return $"policy {policy} wants other approvers than {string.Join(",", grant.Approvers)}";
        }

        return null;
    }
}
