using System.Collections.Immutable;
using Orleans.Concurrency;

namespace JitGrains.Runtime.Engine;

/// <summary>A message of the bus on its way between processes.</summary>
[GenerateSerializer, Alias("jit.BusLetter"), Immutable]
internal sealed record BusLetter([property: Id(0)] string Topic, [property: Id(1)] string Key, [property: Id(2)] string? Data);

/// <summary>What the bus has sent to a process since it joined.</summary>
/// <param name="Term">Another one where the bus has begun anew and knows nothing of before.</param>
/// <param name="Sent">The number of the last batch.</param>
[GenerateSerializer, Alias("jit.BusTerm"), Immutable]
internal sealed record BusTerm([property: Id(0)] Guid Term, [property: Id(1)] long Sent);

/// <summary>A process that listens.</summary>
[Alias("jit.IBusListener")]
internal interface IBusListener : IGrainObserver
{
    /// <summary>Takes a batch. Nobody waits for it; what was received is said when the process joins again.</summary>
    [OneWay, Alias("Receive")]
    Task Receive(Guid term, long number, ImmutableArray<BusLetter> letters);
}

/// <summary>The bus (one grain, key <see cref="Key"/>): sends what each process publishes to all others.</summary>
[Alias("jit.IBusGrain"), Version(1)]
internal interface IBusGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "bus";

    /// <summary>Joins, or stays: whoever has not said so for a minute is forgotten.</summary>
    [Alias("Join")]
    Task<BusTerm> Join(string process, IBusListener listener);

    /// <summary>Sends to all processes but the one it comes from.</summary>
    [Alias("Send")]
    Task Send(string process, ImmutableArray<BusLetter> letters);
}

/// <summary>
/// Holds the processes' references itself, for as long as they join again: one that fails to take a batch is not dropped
/// for that, it finds the gap in the numbers and looks at everything anew.
/// </summary>
[GrainType("bus")]
internal sealed class BusGrain(TimeProvider time) : Grain, IBusGrain
{
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(1);

    private readonly Guid term = Guid.NewGuid();
    private readonly Dictionary<string, Member> members = new(StringComparer.Ordinal);

    public Task<BusTerm> Join(string process, IBusListener listener)
    {
        var now = time.GetTimestamp();
        foreach (var (gone, _) in members.Where(m => time.GetElapsedTime(m.Value.SeenAt, now) > Forgotten).ToArray())
            members.Remove(gone);
        if (!members.TryGetValue(process, out var member))
            members[process] = member = new Member(listener);
        member.SeenAt = now;
        return Task.FromResult(new BusTerm(term, member.Sent));
    }

    public Task Send(string process, ImmutableArray<BusLetter> letters)
    {
        foreach (var (name, member) in members)
        {
            if (name != process)
                member.Listener.Receive(term, ++member.Sent, letters).Ignore();
        }

        return Task.CompletedTask;
    }

    private sealed class Member(IBusListener listener)
    {
        public IBusListener Listener { get; } = listener;

        public long Sent { get; set; }

        public long SeenAt { get; set; }
    }
}
