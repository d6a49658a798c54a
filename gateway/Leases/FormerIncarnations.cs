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

    /// <summary>The incarnation is over.</summary>
    /// <param name="incarnation">Its id.</param>
    /// <param name="drained">Completes when nothing can start under it.</param>
    public void Add(string incarnation, Task drained) => all.Add(new Former(incarnation, drained));

    /// <summary>Does what can be done now. Allow rules go on under the next incarnation by then, which has loaded what holds for them.</summary>
    /// <param name="because">Why they are over.</param>
    public async Task Tidy(string because)
    {
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
        await grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key).Remove([.. gone.Select(f => f.Incarnation)]);
        all.RemoveAll(gone.Contains);
    }

    private sealed class Former(string incarnation, Task drained)
    {
        public string Incarnation => incarnation;

        public Task Drained => drained;

        public bool IsClosed { get; set; }
    }
}
