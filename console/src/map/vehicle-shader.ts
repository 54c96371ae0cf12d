/**
 * One point sprite a truck. The shape is computed in the fragment shader, so it is sharp at every size and pixel ratio:
 * moving = arrow, stopped = dot, offline = hollow ring, alarm = ring around it.
 */
export const VERTEX = `#version 300 es
uniform mat4 u_matrix;
uniform float u_size;
uniform int u_hovered; // place of the truck under the pointer in the buffer, -1 for none
in vec2 a_place;
in vec4 a_look; // heading / 2, state, 1 for an alarm, unused
out float v_heading;
out float v_state;
out float v_flags;
out float v_size;
void main() {
  gl_Position = u_matrix * vec4(a_place, 0.0, 1.0);
  float flags = a_look.z + (gl_VertexID == u_hovered ? 2.0 : 0.0);
  v_size = u_size * (flags > 0.5 ? 1.7 : 1.0);
  gl_PointSize = v_size;
  v_heading = a_look.x;
  v_state = a_look.y;
  v_flags = flags;
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 u_moving;
uniform vec3 u_stopped;
uniform vec3 u_offline;
uniform vec3 u_alarm;
uniform vec3 u_ground;
uniform vec3 u_text;
in float v_heading;
in float v_state;
in float v_flags;
in float v_size;
out vec4 color;

float arrow(vec2 p) { // signed distance of a navigation arrow pointing up
  vec2 q = vec2(abs(p.x), p.y);
  float side = dot(q - vec2(0.0, -1.0), vec2(0.9319, -0.3627));
  float notch = dot(q - vec2(0.0, 0.42), vec2(-0.5127, 0.8586));
  return max(side, notch);
}
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  float pixel = 2.0 / v_size;
  bool alarm = mod(v_flags, 2.0) > 0.5;
  float inner = v_flags > 0.5 ? 1.7 : 1.0; // room for the ring
  vec2 g = p * inner * 1.12;
  float soft = pixel * inner * 1.12;
  float r = length(g);
  float d;
  vec3 fill;
  if (v_state > 1.5 && v_heading < 254.5) {
    float a = radians(v_heading * 2.0);
    mat2 turn = mat2(cos(a), -sin(a), sin(a), cos(a));
    d = arrow(turn * g);
    fill = u_moving;
  } else if (v_state > 1.5) { d = r - 0.62; fill = u_moving; }
  else if (v_state > 0.5) { d = r - 0.45; fill = u_stopped; }
  else { d = abs(r - 0.5) - 0.13; fill = u_offline; }
  vec4 ink = vec4(0.0);
  float halo = 1.0 - smoothstep(0.12 - soft, 0.12 + soft, d);
  ink = mix(ink, vec4(u_ground, 1.0), halo * 0.85);
  float body = 1.0 - smoothstep(-soft, soft, d);
  ink = mix(ink, vec4(fill, 1.0), body);
  if (v_flags > 0.5) {
    float ring = abs(length(p) - 0.86) - 0.1;
    float on = 1.0 - smoothstep(-pixel, pixel, ring);
    ink = mix(ink, vec4(alarm ? u_alarm : u_text, 1.0), on);
  }
  if (ink.a < 0.01) discard;
  color = vec4(ink.rgb * ink.a, ink.a);
}`;
