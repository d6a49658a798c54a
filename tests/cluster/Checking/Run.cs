using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Recording;

namespace JitGrains.ClusterTests.Checking;

/// <summary>A made-up run for the checker's tests; times are milliseconds since its start.</summary>
internal sealed class Run
{
    private const string Alice = "dev:user:alice";
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, Subject> subjects = new(StringComparer.Ordinal);
    private readonly List<Arrival> arrivals = [];
    private readonly List<TrailEntry> entries = [];
    private readonly List<TrailGrant> grants = [];

    public List<Deed> Deeds { get; } = [];

    public List<Fault> Faults { get; } = [];

    public Restore? Restore { get; set; }

    public static DateTimeOffset At(double ms) => Start.AddMilliseconds(ms);

    public IReadOnlyList<Violation> Check() => Checker.Check(new Evidence(Deeds, Faults, subjects, arrivals, new Trail(entries, grants)) { Restore = Restore });

    public Subject Subject(string order, Gate gate) => subjects[order] = new Subject("orders.act", order, Alice, gate);

    public void Allowed(string order) => Subject(order, Gate.Allow);

    public void Window(string order, double issued, double expires, string holder = Alice) => Grant(order, Gate.Window, null, issued, expires, holder);

    public void Counted(string order, int uses, double issued, double expires) => Grant(order, Gate.Counted, uses, issued, expires, Alice);

    public void Entry(string type, string order, double at, string? who = null, string? what = null) =>
        entries.Add(new TrailEntry(type, At(at), "rq_" + order, "gr_" + order, who, what));

    public void Use(string order, double at, bool ends = true)
    {
        var execution = $"ex_{entries.Count}";
        Entry("grant.consumed", order, at, what: execution);
        if (ends)
            Entry("execution.outcome", order, at + 1, what: execution);
    }

    public void Call(string id, string order, double sent, double? arrives, int status = 200)
    {
        Deeds.Add(new Call("gateway-1", At(sent), id, subjects[order]) { Status = status, AnsweredAt = At((arrives ?? sent) + 1) });
        if (arrives is { } at)
            Arrive(id, order, at);
    }

    public void Arrive(string id, string order, double at) => arrivals.Add(new Arrival(id, $"POST /orders/{order}/act", At(at), Stamped: true));

    /// <summary>A call that was read only when more had come.</summary>
    public void ReadLate(string id, string order, double sent, double? from, double at)
    {
        Call(id, order, sent, arrives: null);
        arrivals.Add(new Arrival(id, $"POST /orders/{order}/act", At(at), Stamped: true) { From = from is { } earliest ? At(earliest) : null });
    }

    public void Stream(string id, string order, double sent, double over)
    {
        Deeds.Add(new Streamed("gateway-1", At(sent), id, subjects[order], At(over)));
        arrivals.Add(new Arrival(id, $"GET /orders/{order}/watch", At(sent + 1), Stamped: true) { EndedAt = At(over) });
    }

    public void Revoke(string order, double sent, double answered, EndKind kind = EndKind.Grant, bool recorded = true)
    {
        Deeds.Add(new Ended("silo-1", At(sent), kind, []) { Status = 200, AnsweredAt = At(answered), Answered = ["gr_" + order] });
        if (recorded)
            Entry("grant.revoked", order, sent + 1);
    }

    public void Block(double answered) =>
        Deeds.Add(new Ended("silo-1", At(answered - 1), EndKind.Block, []) { Status = 200, AnsweredAt = At(answered), Principal = Alice });

    private void Grant(string order, Gate gate, int? uses, double issued, double expires, string holder)
    {
        var subject = Subject(order, gate);
        grants.Add(new TrailGrant("gr_" + order, "rq_" + order, holder, subject.Action, subject.Resource, uses, At(issued), At(expires)));
        Entry("request.raised", order, issued);
        Entry("request.approved", order, issued);
        Entry("grant.issued", order, issued);
    }
}
