using JitGrains.Gateway.Executions;
using JitGrains.Gateways;

namespace JitGrains.Gateway.Leases;

/// <summary>
/// The incarnations under which this process is no longer registered. Each is closed once nothing can start under it, so
/// that nobody waits for it, and leaves the directory when what began under it has its outcome. Not thread-safe.
/// </summary>
internal sealed class FormerIncarnations(IGrainFactory grains, ExecutionRegistry registry, OutcomeRecorder outcomes)
{
    private readonly List<Former> all = [];
    private (string Process, string Incarnation)? registered;

    private IGatewayDirectoryGrain Directory => grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key);

    /// <summary>The incarnation is over.</summary>
    /// <param name="incarnation">Its id.</param>
    /// <param name="drained">Completes when nothing can start under it.</param>
    public void Add(string incarnation, Task drained) => all.Add(new Former(incarnation, drained));

    /// <summary>
    /// The process is registered under this incarnation. What else the directory lists of it is over too: a store that was
    /// set back lists what had left it, and nobody else would take out what belongs to a process that lives.
    /// </summary>
    public void Registered(string process, string incarnation) => registered = (process, incarnation);

    /// <summary>Does what can be done now. Allow rules go on under the next incarnation by then, which has loaded what holds for them.</summary>
    /// <param name="because">Why they are over.</param>
    public async Task Tidy(string because)
    {
        if (registered is { } now)
        {
            foreach (var entry in (await Directory.List()).Entries)
            {
                // Nothing began under it that is not known: what runs keeps its incarnation in this list.
                if (entry.Process == now.Process && entry.Incarnation != now.Incarnation && !all.Exists(f => f.Incarnation == entry.Incarnation))
                    Add(entry.Incarnation, Task.CompletedTask);
            }

            registered = null;
        }

        foreach (var former in all.Where(f => !f.IsClosed && f.Drained.IsCompletedSuccessfully))
        {
            await grains.GetGrain<IGatewayGrain>(former.Incarnation).Close(new CloseLease(because));
            former.IsClosed = true;
        }

        if (outcomes.Open > 0)
            return;
        var gone = all.Where(f => f.IsClosed && !registry.HasAnyOf(f.Incarnation)).ToArray();
        if (gone.Length == 0)
            return;
        await Directory.Remove([.. gone.Select(f => f.Incarnation)]);
        all.RemoveAll(gone.Contains);
    }

    private sealed class Former(string incarnation, Task drained)
    {
        public string Incarnation => incarnation;

        public Task Drained => drained;

        public bool IsClosed { get; set; }
    }
}
