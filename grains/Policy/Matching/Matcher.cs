using System.Collections.Immutable;
using JitGrains.Http;
using JitGrains.Policy.Conditions;
using JitGrains.Unicode;

namespace JitGrains.Policy.Matching;

/// <summary>
/// Finds the API and the action of a request, and refuses what a sloppier reader would take for another action.
/// Immutable and thread-safe.
/// </summary>
internal sealed class Matcher(ImmutableArray<CompiledApi> apis)
{
    private readonly bool prefixesReadAlike = apis.All(a => a.Prefix.IsLoose);

    private static readonly CanonicalRefusal Encoded = new(400, "encoded-slash", "An encoded slash or percent sign is not accepted in this part of the path.", "target");
    private static readonly CanonicalRefusal Loose = new(400, "confusable-target", "The target can be read as another action.", "target");
    private static readonly CanonicalRefusal Ambiguous = new(400, "ambiguous-action", "It cannot be told which action this is: a query parameter, header or body field that decides it is missing, repeated or not readable.", "request");

    public ActionMatch Match(CanonicalRequest request, JsonBody? body)
    {
        var exact = request.Decoded;
        var api = FindApi(request, exact, loose: false, out var hostKnown);
        if (api is null)
        {
            var near = FindApi(request, request.LooseSegments, loose: true, out _);
            return near is null or { Definition.StrictDialect: true } ? new ActionMatch.NoApi(!hostKnown) : new ActionMatch.Confusable(near.Definition, Loose);
        }

        return Match(api, request, body, exact, api.Exact.Find(MethodOf(request), exact));
    }

    /// <summary>What is known before the body is read: where no action in question needs that, already what the call is.</summary>
    public MatchOutline Outline(CanonicalRequest request)
    {
        var exact = request.Decoded;
        var api = FindApi(request, exact, loose: false, out _);
        if (api is null)
            return MatchOutline.NoApi;
        var method = MethodOf(request);
        var candidates = api.Exact.Find(method, exact);
        var needsBody = false;
        var limit = 0L;
        Ask(candidates);
        // What reads alike fits the same templates.
        if (!(api.ReadsLooselyAlike && request.LooseSegments.AsSpan().SequenceEqual(exact.AsSpan())))
            Ask(api.Loose.Find(method, request.LooseSegments));
        return new MatchOutline(api.Definition, needsBody, limit, needsBody ? null : Match(api, request, null, exact, candidates));

        void Ask(in Candidates found)
        {
            for (var i = 0; i < found.Count; i++)
            {
                needsBody |= found[i].Definition.NeedsBody;
                limit = Math.Max(limit, found[i].Definition.BodyLimit);
            }
        }
    }

    private ActionMatch Match(CompiledApi api, CanonicalRequest request, JsonBody? body, ImmutableArray<string> exact, in Candidates candidates)
    {
        var resolved = Resolve(candidates, request, body, api.Definition.StrictDialect);
        if (HasStrayEncoding(request, resolved.Action ?? candidates.FirstOrDefault))
            return new ActionMatch.Confusable(api.Definition, Encoded);
        if (ReadsOtherwise(api, request, body, exact, candidates, resolved))
            return new ActionMatch.Confusable(api.Definition, Loose);
        if (resolved.Ambiguous)
            return new ActionMatch.Confusable(api.Definition, Ambiguous);
        if (resolved.Action is not { } action)
            return new ActionMatch.NoAction(api.Definition);
        if (action.Found is { } same)
            return same;
        var captures = Capture(action, request);
        return new ActionMatch.Found(api.Definition, action.Definition, captures, action.Template.Resource(captures));
    }

    private CompiledApi? FindApi(CanonicalRequest request, ImmutableArray<string> segments, bool loose, out bool hostKnown)
    {
        hostKnown = false;
        CompiledApi? best = null;
        foreach (var api in apis)
        {
            if (!api.ServesHost(request))
                continue;
            hostKnown = true;
            if (api.HasPrefix(segments, loose) && (best is null || IsCloser(api, best)))
                best = api;
        }

        return best;
    }

    // An API that names its host comes before one that takes any; then the longer prefix.
    private static bool IsCloser(CompiledApi api, CompiledApi other) =>
        (api.Definition.Host is null) == (other.Definition.Host is null)
            ? api.Prefix.Segments.Length > other.Prefix.Segments.Length
            : api.Definition.Host is not null;

    private readonly record struct Resolution(CompiledAction? Action, bool Ambiguous);

    // Narrowest templates first. Of equally narrow ones, one whose conditions hold beats one without conditions. What
    // cannot be told, or holds for two, is nobody's action.
    private static Resolution Resolve(in Candidates candidates, CanonicalRequest request, JsonBody? body, bool strict)
    {
        if (candidates.Count == 1 && candidates[0].When.IsEmpty)
            return new Resolution(candidates[0], Ambiguous: false);
        var context = new ConditionContext(null, request, body, null, default, null, default, strict);
        var unknown = false;
        for (var i = 0; i < candidates.Count;)
        {
            CompiledAction? certain = null, plain = null;
            var twice = false;
            var group = candidates[i].Template;
            for (; i < candidates.Count && PathTemplate.Compare(group, candidates[i].Template) == 0; i++)
            {
                var candidate = candidates[i];
                if (candidate.When.IsEmpty)
                {
                    plain ??= candidate;
                    continue;
                }

                var truth = candidate.When.Evaluate(context);
                unknown |= truth == Truth.Unknown;
                if (truth == Truth.True)
                {
                    twice |= certain is not null;
                    certain = candidate;
                }
            }

            if (twice)
                return new Resolution(null, Ambiguous: true);
            if ((certain ?? plain) is { } action)
                return unknown ? new Resolution(null, Ambiguous: true) : new Resolution(action, Ambiguous: false);
        }

        return new Resolution(null, unknown);
    }

    // Encoded slashes and percent signs are accepted only inside the parameter that the action opts in.
    private static bool HasStrayEncoding(CanonicalRequest request, CompiledAction? action)
    {
        for (var i = 0; i < request.Segments.Length; i++)
        {
            if (request.Segments[i].HasEncodedSlashOrPercent && (action is null || !IsEncodedParameter(action, i)))
                return true;
        }

        return false;
    }

    private static bool IsEncodedParameter(CompiledAction action, int index)
    {
        var segments = action.Template.Segments;
        var segment = segments[Math.Min(index, segments.Length - 1)];
        return segment.Kind != SegmentKind.Literal && segment.Text == action.Definition.EncodedParameter;
    }

    private bool ReadsOtherwise(CompiledApi api, CanonicalRequest request, JsonBody? body, ImmutableArray<string> exact, in Candidates candidates, Resolution resolved)
    {
        if (api.Definition.StrictDialect)
            return false;
        var loose = LooseReading(request);
        if (api.ReadsLooselyAlike && prefixesReadAlike && loose.AsSpan().SequenceEqual(exact.AsSpan()))
            return false;
        if (FindApi(request, loose, loose: true, out _) != api)
            return true;
        var others = api.Loose.Find(MethodOf(request), loose);
        if (others.IsSameAs(candidates))
            return false;
        var other = Resolve(others, request, body, strict: false);
        return other.Ambiguous || other.Action != resolved.Action;
    }

    // The opted-in parameter is matched as it is: what its value would be decoded again is the API's own affair.
    private static ImmutableArray<string> LooseReading(CanonicalRequest request)
    {
        if (!HasEncodedSlashOrPercent(request))
            return request.LooseSegments;
        var segments = ImmutableArray.CreateBuilder<string>(request.Segments.Length);
        foreach (var segment in request.Segments)
        {
            if (segment.HasEncodedSlashOrPercent)
            {
                segments.Add(segment.Raw);
                continue;
            }

            // What the parser accepted as part of the path it accepts again alone.
            var loose = new LooseForm.Builder([], 1);
            _ = loose.Add(segment.Decoded);
            segments.AddRange(loose.ToImmutable());
            if (UnicodeForm.ComposeCompatible(segment.Decoded).AsSpan().ContainsAny('?', '#'))
                break;
        }

        return segments.ToImmutable();
    }

    private static bool HasEncodedSlashOrPercent(CanonicalRequest request)
    {
        foreach (var segment in request.Segments)
        {
            if (segment.HasEncodedSlashOrPercent)
                return true;
        }

        return false;
    }

    private static PathCaptures Capture(CompiledAction action, CanonicalRequest request)
    {
        var names = action.Template.Parameters;
        var template = action.Template.Segments;
        var (values, count) = (new string[names.Length], 0);
        for (var i = 0; i < template.Length; i++)
        {
            var segment = template[i];
            if (segment.Kind == SegmentKind.Literal)
                continue;
            var raw = segment.Text == action.Definition.EncodedParameter;
            values[count++] = segment.Kind == SegmentKind.Parameter
                ? Text(request.Segments[i], raw)
                : string.Join('/', request.Segments[i..].Select(s => Text(s, raw)));
        }

        return new PathCaptures(names, values);

        static string Text(PathSegment segment, bool raw) => raw ? segment.Raw : segment.Decoded;
    }

    /// <summary>A WebSocket is asked for by GET, and over HTTP/2 by CONNECT (RFC 8441): one thing, and for policy a GET.</summary>
    private static string MethodOf(CanonicalRequest request) => request is { IsWebSocket: true, Method: "CONNECT" } ? "GET" : request.Method;
}
