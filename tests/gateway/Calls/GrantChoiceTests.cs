using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Principals;
using JitGrains.Restrictions;

namespace JitGrains.GatewayTests.Calls;

/// <summary>The grant that a call runs under, chosen among packed ones, is the one that a plain look through all of them chooses.</summary>
public class GrantChoiceTests
{
    private static readonly Caller Alice = new() { Principal = Sample.Alice, TokenIssuedAt = Sample.Start, TokenExpiresAt = Sample.Start.AddHours(1) };
    private static readonly string?[] Resources = [null, "", "order=1", "order=2", "name=größe"];
    private static readonly string?[] Digests = [null, "one", "two"];

    [Fact]
    public async Task The_choice_is_that_of_a_plain_look_through_all()
    {
        var chosen = new Dictionary<bool, int> { [true] = 0, [false] = 0 };
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            using var store = new GrantStore(new GatewayOptions());
            var grants = Enumerable.Range(1, random.Next(40)).Select(n => Made(random, n)).OrderBy(g => g.Grant.ExpiresAt).ToImmutableArray();
            var memory = new GrantMemory();
            var snapshot = new GrantsSnapshot(new GrantPacker(memory.Texts).Pack(Alice.KeyHash, grants), memory);
            if (seed % 3 == 0)
                await store.Restrict(Restrictions(random));
            for (var n = 0; n < 300; n++)
            {
                if (n % 100 == 50)
                    store.Time.Advance(TimeSpan.FromMinutes(2));
                var match = Asked(random);
                var caller = random.Next(5) == 0 ? Alice with { Excluded = [Sample.Bob] } : Alice;
                var terms = Terms[random.Next(Terms.Length)];
                var digest = One(random, Digests);
                var only = random.Next(4) == 0 ? (random.Next(2) == 0 ? $"other_{random.Next(40)}" : Sample.RequestId(random.Next(1, 40))) : null;
                var expected = Plain(grants, store, caller, match, digest, terms, only);
                Assert.Equal(expected?.Id, store.Choice.Of(snapshot, caller, match, digest, terms, only)?.Id);
                chosen[expected is not null]++;
            }
        }

        // Neither is rare, or this would say little.
        Assert.All(chosen.Values, times => Assert.InRange(times, 500, 18_000));
    }

    private static Grant? Plain(ImmutableArray<ActiveGrant> grants, GrantStore store, Caller caller, ActionMatch.Found match, string? digest, ApprovalTerms terms, string? only)
    {
        var fit = grants.Where(g =>
            g.UsesLeft is null or > 0
            && (only is null || g.Grant.RequestId == only)
            && g.Grant.Covers(match.Action.Name, match.Resource, digest)
            && g.Grant.Api == match.Api.Name
            && g.Grant.Binding == match.Action.Binding
            && g.Grant.Epoch == store.Epoch.Current
            && store.Time.GetUtcNow() < g.Grant.ExpiresAt
            && !store.Restrictions.Current.IsRevoked(g.Grant)
            && Quorum.StillStands(g.Grant, terms, caller.Involved)).Select(g => g.Grant).ToArray();
        return fit.FirstOrDefault(g => g.Uses is null) ?? fit.FirstOrDefault();
    }

    private static ActiveGrant Made(Random random, int n)
    {
        var uses = random.Next(3) == 0 ? (int?)null : 3;
        var grant = Sample.Grant(n, uses) with
        {
            RequestId = random.Next(4) == 0 ? $"other_{n}" : Sample.RequestId(n),
            Api = One(random, "orders", "orders", "people"),
            Action = One(random, "orders.a", "orders.a", "orders.b"),
            Binding = (BindingKind)random.Next(3),
            Resource = One(random, Resources),
            PayloadDigest = One(random, Digests),
            Epoch = One<string?>(random, "1", "1", "1", "0", null),
            NotBefore = Sample.Start.AddMinutes(random.Next(-10, 1)),
            ExpiresAt = Sample.Start.AddMinutes(random.Next(1, 12)),
            Automatic = random.Next(4) == 0,
            Votes = random.Next(5) == 0 ? [] : [Sample.Recorded(One(random, Sample.Bob, Sample.Carol), Sample.Managers)],
        };
        return new ActiveGrant(grant, uses is null ? null : random.Next(4));
    }

    private static ActionMatch.Found Asked(Random random)
    {
        var action = new ActionDefinition { Name = One(random, "orders.a", "orders.a", "orders.b", "orders.c"), Methods = ["GET"], Path = "/", Binding = (BindingKind)random.Next(3) };
        return new ActionMatch.Found(new ApiDefinition { Name = One(random, "orders", "orders", "people"), Upstreams = [] }, action, PathCaptures.Empty, One(random, Resources) ?? "");
    }

    private static RestrictionsView Restrictions(Random random) => new(1, [],
    [
        new MatchingRevocation(
            One(random, new GrantSelector(SelectorKind.Action, "orders.b"), new GrantSelector(SelectorKind.Api, "people"), new GrantSelector(SelectorKind.Approver, Sample.Carol.Value)),
            Sample.Start.AddMinutes(-5), Terminate: false, Sample.Start.AddDays(8)),
    ]);

    private static readonly ApprovalTerms[] Terms = [Of(1, automatic: false), Of(1, automatic: true), Of(2, automatic: false)];

    private static ApprovalTerms Of(int quorum, bool automatic) => new()
    {
        Rule = "r",
        PolicyVersion = "v",
        Stages = [new Stage { Name = "s", Groups = [Sample.Managers], Quorum = quorum }],
        Automatic = automatic,
        MaxWindow = TimeSpan.FromHours(1),
        DefaultWindow = TimeSpan.FromHours(1),
        DecideWithin = TimeSpan.FromHours(1),
        DenialCooldown = TimeSpan.FromMinutes(10),
    };

    private static T One<T>(Random random, params T[] values) => values[random.Next(values.Length)];
}
