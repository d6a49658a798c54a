using JitGrains.Audit;
using JitGrains.Gateway.Journal;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Gateway.Limits;

/// <summary>
/// Refusals by rate limits in the journal. They come in floods, and a journal that is full lets no call run: so they are
/// counted by limit, API and caller, and each count is one entry every ten seconds. Callers beyond the first few hundred are
/// counted together. A crash loses ten seconds of counts; the metrics have them. Thread-safe.
/// </summary>
internal sealed class LimitJournal(GatewayJournal journal, TimeProvider time) : BackgroundService
{
    private const int MostCallers = 256;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private Dictionary<(string Limit, string Api, string Caller), Count> counts = [];

    /// <summary>A call was refused.</summary>
    public void Note(string limit, Caller caller, string? api)
    {
        var key = (limit, api ?? "", caller.Key);
        lock (gate)
        {
            if (!counts.TryGetValue(key, out var count))
            {
                var others = counts.Count >= MostCallers;
                if (others)
                    key = (limit, "", "");
                if (!others || !counts.TryGetValue(key, out count))
                    counts.Add(key, count = new Count(others ? null : caller, time.GetUtcNow()));
            }

            count.Refused++;
        }
    }

    /// <summary>Writes what was counted.</summary>
    internal async Task Flush()
    {
        Dictionary<(string Limit, string Api, string Caller), Count> counted;
        lock (gate)
        {
            if (counts.Count == 0)
                return;
            (counted, counts) = (counts, []);
        }

        foreach (var (key, count) in counted)
        {
            using var ticket = await journal.Begin(new Facts(key.Limit, key.Api, count), CancellationToken.None);
            // Without room the journal has worse to tell, and its own metrics do.
            ticket?.Write(AuditTypes.CallsLimited);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await Flush();
        }
        catch (OperationCanceledException)
        {
            await Flush();
        }
    }

    private sealed class Count(Caller? caller, DateTimeOffset since)
    {
        public Caller? Caller => caller;

        public DateTimeOffset Since => since;

        public long Refused { get; set; }
    }

    private sealed class Facts(string limit, string api, Count count) : IJournalFacts
    {
        public AuditDraft Draft(string type, DateTimeOffset startedAt, ExecutionOutcome? outcome, AuditField? more) => new(type,
        [
            .. AuditField.Optional("principal", count.Caller?.Principal.Value, personal: true),
            .. AuditField.People("actors", count.Caller?.Actors ?? []),
            .. AuditField.Optional("api", api, personal: false),
            new AuditField("limit", limit),
            new AuditField("refused", count.Refused.ToString()),
            AuditField.At("since", count.Since),
        ]);
    }
}
