using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.Principals;

namespace Integrators;

/// <summary>A chat bot that shows who asks for what, takes a manager's word for it, and sees what came of it.</summary>
public sealed class ChatApprovals(IClusterClient client)
{
    public async Task<string> ShowAsync(string requestId)
    {
        var shown = await client.GetGrain<IApprovalRequestGrain>(requestId).Get();
        return shown.Value is { } request ? $"{request.Principal} asks for {request.Action} on {request.Resource}" : "there is no such request";
    }

    public async Task<string> ApproveAsync(string requestId, PrincipalId manager, string[] groups)
    {
        var request = client.GetGrain<IApprovalRequestGrain>(requestId);
        if ((await request.Get()).Value is not { } shown)
            return "there is no such request";

        // The digest says which request was on the screen: a vote for another one is refused.
        var vote = new VoteCommand(manager, [], [.. groups], VoteDecision.Approve, Comment: null, shown.Digest);
        var reply = await request.Vote(vote);
        return reply.Refusal is { } refusal ? $"not counted: {refusal.GetType().Name}" : "counted";
    }

    public async Task<int> CountGrantsAsync(string callerKey) =>
        (await client.GetGrain<IPrincipalGrain>(callerKey).GetView()).Grants.Length;
}
