using System.Collections.Concurrent;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>What the clients of a run share: where the processes are, who is who, what is live. Thread-safe.</summary>
internal sealed class World(IReadOnlyList<Place> gateways, IReadOnlyList<Place> silos, Issuer issuer, History history)
{
    public static readonly string[] Approvers = ["bob", "carol"];

    private readonly ConcurrentDictionary<string, LiveGrant> live = new(StringComparer.Ordinal);
    private int people;

    public History History => history;

    public IReadOnlyList<Place> Gateways => gateways;

    public IReadOnlyList<Place> Silos => silos;

    /// <summary>Sees and ends everything.</summary>
    public Person Operator { get; } = Person.Of(issuer, "dave", "operators");

    public IReadOnlyList<Person> Managers { get; } = [.. Approvers.Select(a => Person.Of(issuer, a, "managers"))];

    /// <summary>Grants that are in use.</summary>
    public IReadOnlyCollection<LiveGrant> Live => (IReadOnlyCollection<LiveGrant>)live.Values;

    /// <summary>A caller of nobody else's.</summary>
    public Person NewCaller() => Person.Of(issuer, $"caller-{Interlocked.Increment(ref people)}", "engineering");

    /// <summary>What is to be ended by somebody.</summary>
    public LiveGrant Use(string id, Subject subject) => live.GetOrAdd(id, _ => new LiveGrant(id, subject));

    public void Done(LiveGrant grant) => live.TryRemove(grant.Id, out _);

    public static Place Any(IReadOnlyList<Place> places, Random random) => places[random.Next(places.Count)];
}
