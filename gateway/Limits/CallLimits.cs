using System.Collections.Immutable;
using JitGrains.Gateway.RequestPath;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Network;

namespace JitGrains.Gateway.Limits;

/// <summary>
/// What one call takes from limits on its way: by its address before anybody is known, by its caller before the body is
/// read, by its action once that is known. A call that a later limit refuses gets back what the caller's limits took; what
/// its address took stays taken, for the check of the token was that work. Disposed of once, whatever ends the call. Not
/// thread-safe.
/// </summary>
internal sealed class CallLimits(CallLimiter owner) : IDisposable
{
    private readonly LimitTakes takes = new();
    private HttpContext context = null!;
    private LimitSet set = null!;
    private Announcement? announcement;
    private ImmutableArray<LimitStanding> refused;
    private int byAddress;
    private bool begun;

    internal void Begin(HttpContext call, LimitSet limits) => (context, set, begun) = (call, limits, true);

    /// <summary>Before anybody is known.</summary>
    public bool Admits(ApiDefinition? api)
    {
        var admitted = Take(set.BeforeAuthentication, new LimitedCall(ClientAddress.Of(context), null, api?.Name), api);
        byAddress = takes.Count;
        return admitted;
    }

    /// <summary>Once the caller is known.</summary>
    public bool Admits(ApiDefinition? api, Caller caller)
    {
        var admitted = Take(set.AfterAuthentication(api?.Name), new LimitedCall(ClientAddress.Of(context), caller, api?.Name), api);
        if (admitted)
            Announce();
        else
            Note(caller, api?.Name);
        return admitted;
    }

    /// <summary>Once the action is known.</summary>
    public bool Admits(Caller caller, ActionMatch.Found match)
    {
        var limits = set.AfterMatch(match.Action.Name);
        if (limits.IsEmpty)
            return true;
        var admitted = Take(limits, new LimitedCall(ClientAddress.Of(context), caller, match.Api.Name, match.Action), match.Api);
        if (admitted)
        {
            Announce();
            return true;
        }

        takes.GiveBackFrom(byAddress);
        Note(caller, match.Api.Name);
        return false;
    }

    /// <summary>The call is held: it does not count among those that run, unless policy says so.</summary>
    public void Pause() => takes.Pause();

    /// <summary>The call goes on after it was held; false where others have taken its place meanwhile.</summary>
    public bool Resumes(Caller caller, ApiDefinition api)
    {
        if (takes.TryResume(owner.Limiting.Now, out refused))
            return true;
        Note(caller, api.Name);
        return false;
    }

    /// <summary>The answer to what was not admitted.</summary>
    public Problem Refusal()
    {
        // The refusal says how it stands itself.
        announcement?.Withdraw();
        return owner.Limiting.Refuse(refused);
    }

    /// <summary>Answers what was not admitted.</summary>
    public Task Refuse(ApiDefinition? api) => Answers.Refuse(context, Refusal(), api);

    /// <summary>The call is over.</summary>
    public void Dispose()
    {
        if (!begun)
            return;
        begun = false;
        takes.Release();
        (context, set, announcement, refused, byAddress) = (null!, null!, null, default, 0);
        owner.Return(this);
    }

    private bool Take(ReadOnlySpan<LiveLimit> limits, in LimitedCall call, ApiDefinition? api)
    {
        if (limits.IsEmpty || takes.TryTake(limits, call, owner.Limiting.Now, out refused))
            return true;
        if (api?.Mode != ApiMode.Observe)
            return false;
        owner.Limiting.Observed(refused);
        return true;
    }

    private void Note(Caller caller, string? api)
    {
        foreach (var standing in refused)
            owner.Journal.Note(standing.Limit.Definition.Name, caller, api);
    }

    private void Announce()
    {
        if (!takes.HasNews)
            return;
        var news = takes.News(owner.Limiting.Now);
        if (announcement is null && news.Count > 0)
        {
            announcement = new Announcement();
            context.Response.OnStarting(Announcement.Write, (announcement, context.Response));
        }

        announcement?.Say(news);
    }

    /// <summary>What an answer says of limits: written as it starts, beside what the upstream says of its own.</summary>
    private sealed class Announcement
    {
        private (string Policy, string Limit)? fields;

        public void Say(IReadOnlyList<LimitStanding> news) => fields = RateLimitFields.Of(news);

        public void Withdraw() => fields = null;

        public static Task Write(object state)
        {
            var (announcement, response) = ((Announcement, HttpResponse))state;
            if (announcement.fields is { } fields)
            {
                response.Headers.Append(RateLimitFields.Policy, fields.Policy);
                response.Headers.Append(RateLimitFields.Limit, fields.Limit);
            }

            return Task.CompletedTask;
        }
    }
}
