using System.Text.Json;
using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Journal;
using JitGrains.Silo;
using JitGrains.Simulation.Cluster;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Checking;

internal sealed partial class Checker
{
    /// <summary>As long as an entry may wait for its batch, and a batch for the store.</summary>
    private static readonly TimeSpan Batch = TimeSpan.FromSeconds(1.2);

    private readonly Dictionary<(SimProcess Process, string Method, bool Ran), Journal> journals = [];

    /// <summary>
    /// A gateway has given its answer. What ran without a use taken in the store, and what was denied, is in its journal from then on, or
    /// will be, unless it dies first.
    /// </summary>
    public void Answered(SimProcess process, Call ask, Answer answer)
    {
        Look($"an answer of {process.Name}", answer.Text);
        if (ask.Method is "GET" or "DELETE" && ask.Target.StartsWith("/orders", StringComparison.Ordinal) && (answer.Ran || answer.Denied))
            JournalOf(process, ask.Method, answer.Ran).Answers.Add(world.Now);
    }

    /// <summary>A gateway that lives has written everything.</summary>
    public void JournalIsWhole(SimProcess process)
    {
        if (Missing(process) is { Count: > 0 } missing)
            Violate(5, $"{process.Name} answered {missing.Count} calls that are not in its journal, the first at {missing[0].TotalSeconds:F6}");
    }

    private void Journaled(SimProcess process, IReadOnlyList<AuditEntry> entries)
    {
        foreach (var entry in entries)
        {
            // Offered once more, where the answer was lost.
            if (entry.Sequence <= heads.GetValueOrDefault(entry.Source, ChainHead.Empty).Sequence)
                continue;
            using var body = JsonDocument.Parse(entry.Body);
            var data = body.RootElement.GetProperty("data");
            var type = TypeOf(entry);
            if (type is AuditTypes.CallForwarded or AuditTypes.CallDenied && data.GetProperty("method").GetString() is { } method)
                JournalOf(process, method, type == AuditTypes.CallForwarded && data.GetProperty("status").GetString() == "completed").Entries++;
        }
    }

    /// <summary>A process dies: what it takes along is what its own counter said that it would, and no more than a batch where it had the store.</summary>
    private void OnGone(Host host)
    {
        if (!host.Role.RunsGateway() || Missing(host.Process) is not { Count: > 0 } missing)
            return;
        var pending = host.Get<GatewayJournal>().Pending;
        if (missing.Count > pending)
            Violate(5, $"{host.Process.Name} dies with {missing.Count} calls that are not in its journal, and counts {pending}");
        if (missing[0] + Batch < world.Now && missing[0] > host.Link.LastTrouble && missing[0] > host.Process.LastResumed && !host.Process.IsSuspended)
            Violate(5, $"{host.Process.Name} dies, and what it answered at {missing[0].TotalSeconds:F6} is not in its journal");
    }

    /// <summary>A process has stopped in order: it takes nothing along, where it had the store.</summary>
    private void OnStopped(Host host, bool hadStore)
    {
        if (hadStore && host.Role.RunsGateway())
            JournalIsWhole(host.Process);
    }

    /// <summary>When the calls were answered that are not in its journal.</summary>
    private List<TimeSpan> Missing(SimProcess process) =>
        [.. journals.Where(j => j.Key.Process == process).SelectMany(j => j.Value.Answers.Skip(j.Value.Entries)).Order()];

    /// <summary>An older copy has forgotten entries, and what was written to it since.</summary>
    private void ForgetJournals()
    {
        foreach (var journal in journals.Values)
        {
            journal.Answers.RemoveRange(0, Math.Min(journal.Entries, journal.Answers.Count));
            journal.Entries = 0;
        }
    }

    private Journal JournalOf(SimProcess process, string method, bool ran)
    {
        var key = (process, method, ran);
        return journals.TryGetValue(key, out var known) ? known : journals[key] = new Journal();
    }

    /// <summary>Of one gateway and one kind of call, whose entries come in the order of the answers.</summary>
    private sealed class Journal
    {
        public List<TimeSpan> Answers { get; } = [];

        public int Entries { get; set; }
    }
}
