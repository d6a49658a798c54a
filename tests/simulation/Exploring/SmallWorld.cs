using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Simulation.Edges;
using static JitGrains.Simulation.Exploring.Places;

namespace JitGrains.Simulation.Exploring;

/// <summary>
/// A small world: one caller who asks once, two approvers who both have to vote, two gateways with two incarnations each, one
/// revocation. What grains decide is the product's own; the steps of gateways and of whoever revokes are those of
/// docs/revocation.md, one by one, so that anything can come between two of them. Not thread-safe.
/// </summary>
/// <param name="bug">A deliberate bug.</param>
/// <param name="isCounted">Whether the grant is for one use; otherwise for any number.</param>
/// <param name="gateways">How many gateways there are; none where it is about the way to a grant, and otherwise about calls under it and its end.</param>
internal sealed partial class SmallWorld(Bug bug, bool isCounted, int gateways)
{
    private const string Digest = "hs1.digest", MailId = "m";
    private static readonly PrincipalId Alice = People.Id("alice");
    private static readonly GatewayMail Letter = new(MailId, [new Invalidation.Everything()]);

    private readonly ExploredMachine<RequestState, RequestEvent> requests = new(new RequestMachine());
    private readonly ExploredMachine<PrincipalState, PrincipalEvent> principals = new(new PrincipalMachine());
    private readonly ExploredMachine<GatewayDirectoryState, DirectoryEvent> directories = new(new GatewayDirectoryMachine());
    private readonly ExploredMachine<GatewayState, GatewayEvent> leases = new(new GatewayMachine());
    private readonly Messages messages = new();
    private readonly List<(string Label, string World)> found = [];
    private bool asks = gateways == 0;
    private string now = "";

    /// <summary>Window and deadline in steps of time, short enough to end within the world's.</summary>
    private Ask Ask => new()
    {
        RequestId = "rq_1",
        Principal = Alice,
        Api = "orders",
        Action = "orders.delete",
        Resource = "",
        Binding = BindingKind.Action,
        Uses = isCounted ? 1 : null,
        Window = TimeSpan.FromSeconds(3),
        Summary = "",
        RejoinKey = "one",
        Terms = new ApprovalTerms
        {
            Rule = "deletions",
            PolicyVersion = "1",
            Stages = [new Stage { Name = "two", Quorum = 2, Principals = [People.Id("bob"), People.Id("carol"), Alice] }],
            MaxWindow = TimeSpan.FromSeconds(3),
            DefaultWindow = TimeSpan.FromSeconds(3),
            DecideWithin = TimeSpan.FromSeconds(3),
            DenialCooldown = TimeSpan.Zero,
        },
    };

    /// <summary>Nothing has happened yet.</summary>
    public string Blank()
    {
        var world = new char[Length];
        (world[Request], world[Principal], world[Places.Directory]) = ((char)requests.Of(new()), (char)principals.Of(new()), (char)directories.Of(new()));
        for (var incarnation = 0; incarnation < 4; incarnation++)
            world[Leases + incarnation] = (char)leases.Of(new());
        world[FromPrincipal] = world[FromRequest] = (char)messages.Of([]);
        world[Of(0, Run)] = world[Of(1, Run)] = '\u0001';
        return new string(world);
    }

    /// <summary>The grant is there, and so many gateways are registered, and have read it or not. The grant will be delivered once more.</summary>
    public string Granted(int registered, bool read = false)
    {
        var world = Go(Blank(), "alice asks", "the request is told", "bob approves", "carol approves", "the principal is told, and will be told again", "the request is told");
        for (var gateway = 1; gateway <= registered; gateway++)
        {
            world = Go(world, $"gateway {gateway} enters the directory", $"gateway {gateway} opens its lease", $"gateway {gateway}'s lease counts");
            if (read)
                world = Go(world, $"gateway {gateway} reads the grants", $"gateway {gateway} has read the grants");
        }

        return world;
    }

    private string Go(string world, params ReadOnlySpan<string> steps)
    {
        var usually = asks;
        foreach (var step in steps)
        {
            asks = !step.StartsWith("gateway", StringComparison.Ordinal);
            world = Next(world).First(n => n.Label == step).World;
        }

        asks = usually;
        return world;
    }

    /// <summary>Every step that can be taken from here.</summary>
    public IReadOnlyList<(string Label, string World)> Next(string world)
    {
        found.Clear();
        now = world;
        Messengers();
        Revoking();
        if (asks)
            Asking();
        for (var gateway = 0; gateway < gateways && !asks; gateway++)
        {
            Registering(gateway);
            Calling(gateway);
            Ending(gateway);
        }

        // Between its last check and its byte a gateway takes no time: docs/revocation.md says what remains where it does.
        if (now[Time] < Longest && now[Of(0, Execution)] != Runs.Passed && now[Of(1, Execution)] != Runs.Passed)
            Take("time passes", w => w[Time]++);
        return found;
    }

    /// <summary>What is wrong with a world that came by this step; null where nothing is.</summary>
    public string? Wrong(string before, string after)
    {
        if (after[Decisions] > 1)
            return "invariant 4: the request was decided twice";
        var request = requests[after[Request]];
        if (request.Votes.DistinctBy(v => v.Approver).Count() != request.Votes.Length || request.Votes.Any(v => v.Approver == Alice))
            return "invariant 4: a person counted twice, or the requester did";
        if (before[Principal] != after[Principal] && StatusIn(before) is not null and not GrantStatus.Active && StatusIn(after) == GrantStatus.Active)
            return "invariant 3: a grant that had ended is active again";
        if (after[Bytes] == before[Bytes])
            return null;
        if (!principals[after[Principal]].Grants.TryGetValue(Grant.IdFor(Ask.RequestId), out var held) || request.Votes.Count(v => v.Decision == VoteDecision.Approve) < 2)
            return "invariant 1: a call started without a grant that two people approved";
        if (isCounted && after[Bytes] > 1)
            return "invariant 2: a grant for one use was used twice";
        if (after[Revoker] == Returned)
            return "invariant 3: a call started after the revocation had returned";
        return At(after[Time]) >= held.Grant.ExpiresAt ? "invariant 3: a call started after the grant had expired" : null;
    }

    private GrantStatus? StatusIn(string world) => principals[world[Principal]].Grants.GetValueOrDefault(GrantId)?.Status;

    private void Take(string label, Action<char[]> step)
    {
        var world = now.ToCharArray();
        step(world);
        var next = new string(world);
        if (next != now)
            found.Add((label, next));
    }

    private void Asking()
    {
        Take("alice asks", w => Held(w, principals.Turn(w[Principal], "ask", w[Time], (s, at) => PrincipalMachine.Decide(s, new AskCommand(Ask, null), at))));
        if (requests[now[Request]].Ask is null)
            return;
        Votes("bob", VoteDecision.Approve);
        Votes("carol", VoteDecision.Approve);
        Votes("carol", VoteDecision.Deny);
        Votes("alice", VoteDecision.Approve);
        Take("alice takes it back", w => Decided(w, requests.Turn(w[Request], "cancel", w[Time], (s, at) => RequestMachine.Cancel(s, new CancelCommand(Alice, Alice.Value, false), at))));
        Take("the request's reminder comes", w => Decided(w, requests.Tick(w[Request], w[Time])));
        Take("the principal's reminder comes", w => Held(w, principals.Tick(w[Principal], w[Time])));
    }

    private void Votes(string who, VoteDecision decision) => Take($"{who} {(decision == VoteDecision.Approve ? "approves" : "denies")}", w =>
    {
        var vote = new VoteCommand(People.Id(who), [], [], decision, null, Digest);
        Decided(w, requests.Turn(w[Request], $"{who} {decision}", w[Time], (s, at) => RequestMachine.Vote(bug == Bug.OnePersonTwice ? Forgetful(s) : s, vote, at)));
    });

    /// <summary>Votes whose voters are not recognised.</summary>
    private static RequestState Forgetful(RequestState state) => state with { Votes = [.. state.Votes.Select(v => v with { Approver = People.Id("dave") })] };

    private void Messengers()
    {
        Delivers(FromPrincipal, "the request", (w, message) => message switch
        {
            OutboxMessage.RaiseRequest m => requests.Turn(w[Request], "raise", w[Time], (s, at) => RequestMachine.Raise(s, m.Ask, Digest, at)),
            OutboxMessage.ConfirmGrant m => requests.Turn(w[Request], "confirm", w[Time], (s, _) => RequestMachine.Confirm(s, m.GrantId)),
            OutboxMessage.FailGrant m => requests.Turn(w[Request], "fail", w[Time], (s, at) => RequestMachine.Fail(s, m.Because, at)),
            _ => null,
        });
        Delivers(FromRequest, "the principal", (w, message) => message switch
        {
            OutboxMessage.IssueGrant m => principals.Turn(w[Principal], $"issue {m.Grant.NotBefore}", w[Time], (s, at) => PrincipalMachine.Decide(bug == Bug.RevokedGrantComesBack ? Fresh(s) : s, m.Grant, at)),
            OutboxMessage.CloseRequest m => principals.Turn(w[Principal], $"close {m.Closed.Status}", w[Time], (s, at) => PrincipalMachine.Decide(s, m.Closed, at)),
            _ => null,
        });
    }

    private static PrincipalState Fresh(PrincipalState state) =>
        state with { Grants = state.Grants.RemoveRange(state.Grants.Where(g => g.Value.Status != GrantStatus.Active).Select(g => g.Key)), Gone = state.Gone.Clear(), RevokedUpTo = null };

    /// <summary>The next message of a source comes to its grain; twice, where the first time nobody noted it.</summary>
    private void Delivers(int queue, string to, Func<char[], OutboxMessage, Taken?> deliver)
    {
        if (messages[now[queue]] is not [var first, .. var rest])
            return;
        for (var repeats = now[Repeats]; repeats <= 1; repeats++)
        {
            var again = repeats > now[Repeats];
            Take($"{to} is told{(again ? ", and will be told again" : "")}", w =>
            {
                w[Repeats] = repeats;
                if (!again)
                    w[queue] = (char)messages.Of(rest);
                if (deliver(w, first) is not { } taken)
                    return;
                if (queue == FromPrincipal)
                    Decided(w, taken);
                else
                    Held(w, taken);
            });
        }
    }

    /// <summary>The request's turn is committed.</summary>
    private void Decided(char[] world, Taken taken)
    {
        world[Decisions] += (char)taken.Sent.Count(m => m is OutboxMessage.IssueGrant || (m is OutboxMessage.CloseRequest && requests[taken.State].Phase != RequestPhase.Failed));
        world[Request] = (char)taken.State;
        Send(world, FromRequest, taken.Sent);
    }

    /// <summary>The principal's turn is committed.</summary>
    private void Held(char[] world, Taken taken)
    {
        world[Principal] = (char)taken.State;
        Send(world, FromPrincipal, taken.Sent);
    }

    private void Send(char[] world, int queue, ImmutableArray<OutboxMessage> sent)
    {
        if (!sent.IsEmpty)
            world[queue] = (char)messages.Of([.. messages[world[queue]], .. sent]);
    }
}
